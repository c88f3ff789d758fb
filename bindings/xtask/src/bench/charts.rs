//! The two charts of the README, readable in light and in dark: the size of the library, and what many callers cost when a
//! token has expired.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::results::Results;
use crate::workspace;

const WIDTH: f64 = 760.0;
/// Where the bars begin, to the right of the names, and how long the longest is.
const LEFT: f64 = 300.0;
const LENGTH: f64 = 330.0;
const TOP: f64 = 48.0;
const ROW: f64 = 30.0;
const BAR: f64 = 16.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}\
.small{font-size:11px;fill:#59636e}.ours{fill:#0969da}.other{fill:#8c959f}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.ours{fill:#4493f8}.other{fill:#656c76}}";

/// A bar: its name, how long it is, what stands at its end, and whether it is of Hallpass.
struct Bar {
    name: String,
    value: f64,
    label: String,
    is_ours: bool,
}

/// Draws the charts for which there are numbers, beside the table.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write(results: &Results) -> Result<()> {
    let folder = workspace::root().join("tests/bench/docs");
    fs::create_dir_all(&folder).context("cannot make tests/bench/docs")?;
    if let Some(bars) = sizes(results) {
        let title = "Size of the library on x86_64 Linux, stripped";
        fs::write(
            folder.join("size.svg"),
            svg(title, "bare: one request and one signature, through the same bindings", &bars),
        )?;
    }
    if let Some(bars) = callers(results) {
        let title = "Requests when 1,000 calls find the access token expired and the renewal fails";
        fs::write(
            folder.join("callers.svg"),
            svg(title, "on a logarithmic scale; a gate lets each waiting caller try for itself", &bars),
        )?;
    }
    Ok(())
}

fn sizes(results: &Results) -> Option<Vec<Bar>> {
    [
        ("bare library with reqwest and ring", "bare", false),
        ("Hallpass, with its own transport", "full", true),
        ("Hallpass, with the platform's transport", "slim", true),
    ]
    .into_iter()
    .map(|(name, variant, is_ours)| {
        let value = results.value(&format!("size.linux-x86_64.{variant}.kilobytes"))?;
        Some(Bar { name: name.to_owned(), value, label: format!("{value:.0} KB"), is_ours })
    })
    .collect()
}

/// What a gate and a renewal for each caller send follows from what they are.
fn callers(results: &Results) -> Option<Vec<Bar>> {
    let ours = results.value("callers.1000.requests-of-a-failure")?;
    let bars =
        [("Hallpass", ours, true), ("a gate: one at a time", 1_000.0, false), ("no coordination", 1_000.0, false)];
    Some(
        bars.map(|(name, value, is_ours)| Bar {
            name: name.to_owned(),
            // One request is a short bar rather than none.
            value: (value * 1.6).log10(),
            label: format!("{value:.0}"),
            is_ours,
        })
        .into(),
    )
}

fn svg(title: &str, note: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut rows = String::new();
    let mut y = TOP;
    for bar in bars {
        let length = LENGTH * bar.value / longest;
        let class = if bar.is_ours { "ours" } else { "other" };
        // Writing to a string cannot fail.
        let _ = writeln!(rows, "<text x=\"16\" y=\"{:.1}\">{}</text>", y + 13.0, bar.name);
        let _ = writeln!(
            rows,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>"
        );
        let _ = writeln!(rows, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", LEFT + length + 8.0, y + 13.0, bar.label);
        y += ROW;
    }
    let height = y + 22.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>{STYLE}</style>\n<text class=\"title\" x=\"16\" y=\"26\">{title}</text>\n{rows}\
         <text class=\"small\" x=\"16\" y=\"{:.1}\">{note}</text>\n</svg>\n",
        height - 12.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_chart_and_the_others_are_in_proportion() {
        let bar = |value: f64| Bar { name: "a".to_owned(), value, label: value.to_string(), is_ours: true };
        let drawn = svg("sizes", "note", &[bar(50.0), bar(100.0)]);
        assert!(drawn.contains("width=\"165.0\"") && drawn.contains("width=\"330.0\""), "{drawn}");
    }
}
