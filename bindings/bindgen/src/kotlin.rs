//! What is changed in the Kotlin that UniFFI generates, because a session must not depend on what an app does.
//!
//! Each change names how often it has to fit: a version of UniFFI that writes something else fails here, and loses nothing
//! silently. It can go when UniFFI offers the same: <https://github.com/mozilla/uniffi-rs>.

/// The text that is replaced, what takes its place, and how often it occurs.
const CHANGES: [(&str, &str, usize); 5] = [
    // Text that is not valid UTF-16 comes from other apps, in an intent. An exception would end the app, or leave a handle
    // open, or a port without an answer.
    ("// Make sure we don't have invalid UTF-16, check for lone surrogates.", "// A lone surrogate is replaced.", 1),
    ("onMalformedInput(CodingErrorAction.REPORT)", "onMalformedInput(CodingErrorAction.REPLACE)", 1),
    ("GlobalScope.launch coroutineBlock@ {", "GlobalScope.launch(hallpassPorts) coroutineBlock@ {", 2),
    (
        "import kotlinx.coroutines.DelicateCoroutinesApi\n",
        "import kotlinx.coroutines.DelicateCoroutinesApi\nimport kotlinx.coroutines.Dispatchers\n",
        1,
    ),
    (
        "Native.register(UniffiLib::class.java, findLibraryName(componentName = \"hallpass\"))\n",
        "Native.register(UniffiLib::class.java, findLibraryName(componentName = \"hallpass\"))\n        hallpassThreads()\n",
        1,
    ),
];

/// The callbacks of no interface.
const CALLBACKS: [&str; 2] = ["uniffiRustFutureContinuationCallbackImpl", "uniffiForeignFutureDroppedCallbackImpl"];

/// The end of the file.
const ADDED: &str = r#"
/**
 * Where the ports run: on threads of their own, so that an app that blocks those of `Dispatchers.Default` or `Dispatchers.IO`
 * does not stop them. Threads are made when they are needed, and are not counted among those of `Dispatchers.IO`.
 */
internal val hallpassPorts = Dispatchers.IO.limitedParallelism(16, "hallpass")

/**
 * The threads of the core that call back: named, daemons, and known to the JVM for as long as they live. By default JNA makes a
 * new `Thread` for each call, and not a daemon.
 */
private fun hallpassThreads() {
    val threads = com.sun.jna.CallbackThreadInitializer(true, false, "hallpass")
    val callbacks = listOf<Callback>(
        CALLBACKS
    )
    for (callback in callbacks) Native.setCallbackThreadInitializer(callback, threads)
}
"#;

/// Returns the generated source with the changes.
///
/// # Errors
/// Naming the change that does not fit.
pub(crate) fn adapted(generated: &str) -> Result<String, String> {
    let callbacks = callbacks(generated)?;
    let mut source = generated.to_owned();
    for (before, after, times) in CHANGES {
        let found = source.matches(before).count();
        if found != times {
            return Err(format!("`{before}` occurs {found} times instead of {times}"));
        }
        source = source.replace(before, after);
    }
    let list: Vec<String> = callbacks.iter().map(|callback| format!("{callback},")).collect();
    source.truncate(source.trim_end().len());
    source.push('\n');
    source.push_str(&ADDED.replace("CALLBACKS", &list.join("\n        ")));
    Ok(source)
}

/// The objects that the core calls, by their names in Kotlin.
fn callbacks(generated: &str) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = CALLBACKS.map(str::to_owned).into();
    let mut interface = None;
    for line in generated.lines() {
        if let Some(rest) = line.strip_prefix("internal object uniffiCallbackInterface") {
            interface = rest.split_whitespace().next().map(|name| format!("uniffiCallbackInterface{name}"));
        } else if let Some(rest) = line.strip_prefix("    internal object ")
            && let (Some(interface), Some((name, _))) = (&interface, rest.split_once(": UniffiCallbackInterface"))
        {
            found.push(format!("{interface}.{name}"));
        } else if line == "}" {
            interface = None;
        }
    }
    if found.len() == CALLBACKS.len() { Err("no callback interface was found".to_owned()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: &str = r#"import kotlinx.coroutines.DelicateCoroutinesApi
        Native.register(UniffiLib::class.java, findLibraryName(componentName = "hallpass"))
    val job = GlobalScope.launch coroutineBlock@ {
    val job = GlobalScope.launch coroutineBlock@ {
        // Make sure we don't have invalid UTF-16, check for lone surrogates.
            onMalformedInput(CodingErrorAction.REPORT)
internal object uniffiCallbackInterfaceBrowser {
    internal object `open`: UniffiCallbackInterfaceBrowserMethod0 {
    internal object uniffiFree: UniffiCallbackInterfaceFree {
}
    internal object other: UniffiCallbackInterfaceFree {
"#;

    #[test]
    fn source_as_uniffi_writes_it_has_every_change() {
        let source = adapted(GENERATED).unwrap();
        assert!(!source.contains("REPORT") && source.contains("REPLACE"));
        assert_eq!(source.matches("GlobalScope.launch(hallpassPorts)").count(), 2);
        assert!(source.contains(
            "        uniffiCallbackInterfaceBrowser.`open`,\n        uniffiCallbackInterfaceBrowser.uniffiFree,\n    )"
        ));
        assert!(!source.contains("Browser.other"));
    }

    #[test]
    fn source_of_another_uniffi_is_refused() {
        let error = adapted(&GENERATED.replace("REPORT", "IGNORE")).unwrap_err();
        assert!(error.contains("occurs 0 times instead of 1"), "{error}");
        assert!(adapted("").is_err());
    }
}
