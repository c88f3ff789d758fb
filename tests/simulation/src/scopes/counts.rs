//! How often each story is played, written down: an enumeration that shrinks has to be noticed.

use super::{Story, Tally};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scopes/counts.txt");
/// A story a line: how often it is played with no fault or one, how often with two, and its name.
const COUNTS: &str = include_str!("counts.txt");

/// What of `tallies` is not what is written down.
pub fn miscounted(tallies: &[(&Story, Tally)], pairs: bool) -> Vec<String> {
    let known: Vec<(&str, [u64; 2])> = COUNTS.lines().filter_map(parse).collect();
    let mut lines = Vec::new();
    for (story, tally) in tallies {
        let expected =
            known.iter().find(|(name, _)| *name == story.name).map(|(_, counts)| *counts).unwrap_or_default();
        let expected = if pairs { expected } else { [expected[0], 0] };
        if tally.played != expected {
            let [one, two] = expected;
            let [played_one, played_two] = tally.played;
            lines.push(format!(
                "\"{}\" was played {played_one} + {played_two} times, and {one} + {two} are written down; if the engine's \
                 calls of its ports have changed on purpose: `cargo run --profile simulation -p hallpass-simulation -- \
                 scopes --write`",
                story.name
            ));
        }
    }
    lines
}

/// Writes down how often each story was played.
///
/// # Errors
/// When the file cannot be written.
pub fn write(tallies: &[(&Story, Tally)]) -> std::io::Result<()> {
    let line = |(story, tally): &(&Story, Tally)| format!("{} {} {}\n", tally.played[0], tally.played[1], story.name);
    std::fs::write(FILE, tallies.iter().map(line).collect::<String>())
}

fn parse(line: &str) -> Option<(&str, [u64; 2])> {
    let (one, rest) = line.split_once(' ')?;
    let (two, name) = rest.split_once(' ')?;
    Some((name, [one.parse().ok()?, two.parse().ok()?]))
}

#[cfg(test)]
mod tests {
    use super::super::STORIES;
    use super::*;

    #[test]
    fn each_story_has_its_line_and_each_line_its_story() {
        let written: Vec<&str> = COUNTS.lines().filter_map(parse).map(|(name, _)| name).collect();
        let told: Vec<&str> = STORIES.iter().map(|story| story.name).collect();
        assert_eq!(written, told);
    }

    #[test]
    fn a_story_played_less_often_than_written_down_is_told() {
        let tally = Tally { played: [1, 0], failures: Vec::new() };
        assert_eq!(miscounted(&[(&STORIES[0], tally)], false).len(), 1);
    }
}
