//! The comparison as a picture: horizontal bars on a logarithmic scale, readable in light and in dark.

use std::fmt::Write;

use crate::policies::Row;

const WIDTH: f64 = 860.0;
/// Where the bars begin, to the right of the names, and how long the longest is.
const LEFT: f64 = 390.0;
const LENGTH: f64 = 380.0;
const TOP: f64 = 74.0;
const ROW: f64 = 44.0;
const BAR: f64 = 13.0;
/// The scale goes from 1 to this.
const DECADES: u8 = 6;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}\
.small{font-size:11px;fill:#59636e}.line{stroke:#d1d9e0}.with{fill:#0969da}.without{fill:#bc4c00}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.line{stroke:#3d444d}\
.with{fill:#4493f8}.without{fill:#f0883e}}";

/// The rows as an SVG.
pub fn svg(rows: &[Row], years: u64) -> String {
    let height = TOP + ROW * rows.len() as f64 + 42.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Spurious sign-outs per 1,000 user-years\">\n<style>{STYLE}</style>\n"
    );
    text(&mut svg, "title", 16.0, 24.0, "Spurious sign-outs per 1,000 user-years");
    legend(&mut svg);
    for decade in 0..=DECADES {
        let x = LEFT + LENGTH * f64::from(decade) / f64::from(DECADES);
        let bottom = height - 34.0;
        let _ = writeln!(svg, "<line class=\"line\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>");
        let _ = writeln!(
            svg,
            "<text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            height - 18.0,
            thousands(10_f64.powi(i32::from(decade)))
        );
    }
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        text(&mut svg, "", 16.0, y + 25.0, row.name);
        for (class, offset, value) in
            [("with", 5.0, row.per_thousand_years[0]), ("without", 22.0, row.per_thousand_years[1])]
        {
            let length = LENGTH * value.max(1.0).log10() / f64::from(DECADES);
            let top = y + offset;
            if value > 0.0 {
                let length = length.max(2.0);
                let _ = writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>"
                );
            }
            text(&mut svg, "small", LEFT + length + 6.0, top + 10.5, &thousands(value));
        }
    }
    text(
        &mut svg,
        "small",
        16.0,
        height - 18.0,
        &format!("logarithmic scale; {years} years lived by each; models, not the SDKs"),
    );
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    for (class, x, what) in
        [("with", 16.0, "the server forgives a second use for 60 s"), ("without", 330.0, "it never does")]
    {
        let _ = writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"40\" width=\"13\" height=\"13\" rx=\"2\"/>");
        text(svg, "", x + 20.0, 51.0, what);
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{what}</text>");
}

/// A number rounded to a whole one, in groups of three digits.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (first > 0).then(|| digits[..first].to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let shown = [0.0, 12.0, 999.0, 1_000.0, 1_234_567.0].map(thousands);
        assert_eq!(shown, ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn names_do_not_break_the_picture() {
        let row = Row { name: "a < b & c", after: "", per_thousand_years: [0.0, 100_000.0] };
        assert!(svg(&[row], 1).contains("a &lt; b &amp; c"));
    }
}
