//! With `--cfg fuzzing` this is libFuzzer with one target, which `HALLPASS_FUZZ_TARGET` names: one program for all of
//! them is built once. Without, it runs files through a target, as under a debugger.
#![cfg_attr(fuzzing, no_main)]

use hallpass_fuzz::Target;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static TARGET: std::sync::LazyLock<Target> = std::sync::LazyLock::new(|| {
        let name = std::env::var("HALLPASS_FUZZ_TARGET").unwrap_or_default();
        Target::of_name(&name).expect("HALLPASS_FUZZ_TARGET names a target")
    });
    TARGET.run(data);
});

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(target) = words.next().as_deref().and_then(Target::of_name) else {
        eprintln!("usage: hallpass-fuzz TARGET FILE…\ntargets: {}", Target::ALL.map(Target::name).join(", "));
        return std::process::ExitCode::from(2);
    };
    for file in words {
        match std::fs::read(&file) {
            Ok(data) => target.run(&data),
            Err(error) => {
                eprintln!("error: cannot read {file}: {error}");
                return std::process::ExitCode::from(2);
            }
        }
        println!("{file}: nothing wrong");
    }
    std::process::ExitCode::SUCCESS
}
