//! What validating an ID token costs on top of verifying its signature with `ring`, and what other libraries take for it.

use std::fs;

use anyhow::Result;

use crate::allocations::count;
use crate::fixture::{ALGORITHMS, Login};
use crate::peers;
use crate::report::{counted, measured};
use crate::rounds::{Contender, Plan, compare};

pub(super) fn take() -> Result<()> {
    let task = std::env::temp_dir().join(format!("hallpass-bench-{}.json", std::process::id()));
    for algorithm in ALGORITHMS {
        let login = Login::new(algorithm);
        let name = format!("id-token.{}", algorithm.name().to_ascii_lowercase());
        let timings = compare(
            Plan::SHORT,
            vec![
                Contender::new("ring", || login.verify()),
                Contender::new("validate", || login.validate()),
                Contender::new("at_hash", || login.validate_with_access_token()),
            ],
        );
        measured(&format!("{name}.ring.microseconds"), timings[0].time.as_secs_f64() * 1e6);
        measured(&format!("{name}.ratio"), timings[1].ratio);
        measured(&format!("{name}.with-at-hash.ratio"), timings[2].ratio);

        let by_keys = vec![
            Contender::new("1 key", || login.validate()),
            Contender::new("100 keys", || login.validate_among_100_keys()),
        ];
        measured(&format!("{name}.100-keys.ratio"), compare(Plan::SHORT, by_keys)[1].ratio);
        counted(&format!("{name}.allocations"), count(|| login.validate()) - count(|| login.verify()));

        fs::write(&task, login.for_peers().to_string())?;
        let mut contenders = vec![Contender::new("ring", || login.verify())];
        contenders
            .extend(peers::start("id-token", &[&task.to_string_lossy()])?.into_iter().map(peers::Peer::contender));
        // Without peers there is nothing to compare.
        if contenders.len() > 1 {
            for peer in compare(Plan::LONG, contenders).iter().skip(1) {
                measured(&format!("{name}.{}.ratio", peer.name), peer.ratio);
            }
        }
    }
    fs::remove_file(&task)?;
    Ok(())
}
