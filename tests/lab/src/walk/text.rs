//! The story as text: calm, aligned, and readable without colours.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::event::{Answer, Event, Exchange, Party, StepResult, Summary};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ARROW: Style = AnsiColor::Cyan.on_default();
const SAID: Style = AnsiColor::Yellow.on_default();

/// An event as lines, the last one finished. A wait has lines of its own; see [`waiting`].
pub(super) fn of(event: &Event) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_event(&mut text, event);
    text
}

/// The line that tells of a wait. Off a terminal, where it cannot be written over, only every fifth second has one.
pub(super) fn waiting(seconds_left: u64, until: &str, terminal: bool) -> Option<String> {
    let line = match seconds_left {
        // As long as the lines that it is written over.
        0 => format!("    {DIM}waited until {until}{:7}{DIM:#}", ""),
        seconds => format!("    {DIM}waiting until {until}: {seconds:>2} s{DIM:#}"),
    };
    (terminal || seconds_left.is_multiple_of(5)).then_some(line)
}

fn write_event(text: &mut String, event: &Event) -> std::fmt::Result {
    match event {
        Event::Started { tenant, api, dashboard, client_id } => {
            writeln!(text, "{BOLD}Hallpass, the exercise{BOLD:#}")?;
            for (name, value) in [("tenant", tenant), ("API", api), ("dashboard", dashboard), ("client", client_id)] {
                writeln!(text, "    {DIM}{name:<9}{DIM:#} {value}")?;
            }
            Ok(())
        }
        Event::Step { number, title } => writeln!(text, "\n{BOLD}{number}  {title}{BOLD:#}"),
        Event::Note { text: note } => writeln!(text, "\n    {note}"),
        Event::Exchange(exchange) => write_exchange(text, exchange),
        Event::Said { text: said } => {
            let mut lines = said.lines();
            writeln!(text, "    {SAID}app says{SAID:#}  {}", lines.next().unwrap_or_default())?;
            lines.try_for_each(|line| writeln!(text, "              {line}"))
        }
        Event::Waiting { .. } => Ok(()),
        Event::Check { claim, passed: true, seen, .. } => match seen.as_ref().filter(|seen| adds_to(claim, seen)) {
            Some(seen) => writeln!(text, "    {GOOD}✓{GOOD:#} {claim} {DIM}({seen}){DIM:#}"),
            None => writeln!(text, "    {GOOD}✓{GOOD:#} {claim}"),
        },
        Event::Check { claim, passed: false, expected, seen, .. } => {
            writeln!(text, "    {BAD}✗ {claim}{BAD:#}")?;
            for (name, value) in [("expected", expected), ("seen", seen)] {
                if let Some(value) = value {
                    writeln!(text, "      {name:<9} {value}")?;
                }
            }
            Ok(())
        }
        Event::Finished(summary) => write_summary(text, summary),
    }
}

/// Whether what was seen says more than the claim that it bears out.
fn adds_to(claim: &str, seen: &str) -> bool {
    !claim.contains(seen) && !["", "true", "false"].contains(&seen)
}

fn write_exchange(text: &mut String, exchange: &Exchange) -> std::fmt::Result {
    let by = match exchange.by {
        Party::App => "app",
        Party::Browser => "browser",
    };
    writeln!(text, "    {DIM}{by:<7}{DIM:#} {ARROW}→{ARROW:#} {} {}", exchange.method, exchange.url)?;
    let widest = exchange.parameters.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, value) in &exchange.parameters {
        writeln!(text, "              {DIM}{name:<widest$}{DIM:#}  {value}")?;
    }
    write_fields(text, &exchange.headers, exchange.body.as_deref())?;
    match &exchange.answer {
        Some(Answer { status, headers, body }) => {
            let style = if *status < 400 { GOOD } else { BAD };
            writeln!(text, "            {ARROW}←{ARROW:#} {style}{status}{style:#}")?;
            write_fields(text, headers, body.as_deref())
        }
        None => writeln!(text, "            {ARROW}←{ARROW:#} {BAD}no answer{BAD:#}"),
    }
}

fn write_fields(text: &mut String, headers: &[(String, String)], body: Option<&str>) -> std::fmt::Result {
    for (name, value) in headers {
        writeln!(text, "              {DIM}{name}: {value}{DIM:#}")?;
    }
    body.map_or(Ok(()), |body| writeln!(text, "              {body}"))
}

fn write_summary(text: &mut String, summary: &Summary) -> std::fmt::Result {
    let widest = summary.steps.iter().map(|step| step.title.chars().count()).max().unwrap_or_default();
    writeln!(text, "\n{BOLD}{:<3}{:<widest$}  {:<7}  {:>6}  {:>6}{BOLD:#}", "", "Step", "Result", "Checks", "Time")?;
    for step in &summary.steps {
        write_step(text, step, widest)?;
    }
    let failed = summary.steps.iter().filter(|step| !step.passed).count();
    let (style, verdict) = match failed {
        0 => (GOOD, format!("All {} steps passed", summary.steps.len())),
        failed => (BAD, format!("{failed} of {} steps failed", summary.steps.len())),
    };
    let (checks, seconds) = (summary.checks, summary.seconds);
    writeln!(text, "\n{style}{verdict}{style:#}: {checks} claims checked, {seconds:.1} s")
}

fn write_step(text: &mut String, step: &StepResult, widest: usize) -> std::fmt::Result {
    let StepResult { number, title, passed, checks, failures, seconds } = step;
    let (style, result) = if *passed { (GOOD, "passed") } else { (BAD, "failed") };
    writeln!(text, "{number:<3}{title:<widest$}  {style}{result:<7}{style:#}  {checks:>6}  {seconds:>4.1} s")?;
    for failure in failures {
        writeln!(text, "   {BAD}✗{BAD:#} {failure}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn step(number: u8, failures: &[&str]) -> StepResult {
        StepResult {
            number,
            title: format!("Step {number}"),
            passed: failures.is_empty(),
            checks: 3,
            failures: failures.iter().map(|&failure| failure.to_owned()).collect(),
            seconds: 0.25,
        }
    }

    #[test]
    fn table_names_each_step_with_its_result_and_the_failed_claims() {
        let summary =
            Summary { passed: false, steps: vec![step(1, &[]), step(2, &["one request"])], checks: 6, seconds: 1.5 };
        let table = plain(&of(&Event::Finished(summary)));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "   Step    Result   Checks    Time");
        assert_eq!(lines[2], "1  Step 1  passed        3   0.2 s");
        assert_eq!(lines[3], "2  Step 2  failed        3   0.2 s");
        assert_eq!(lines[4], "   ✗ one request");
        assert_eq!(lines[6], "1 of 2 steps failed: 6 claims checked, 1.5 s");
    }

    #[test]
    fn failed_claim_says_what_was_expected_and_what_was_seen() {
        let check = |passed| Event::Check {
            step: 1,
            claim: "one request is sent".to_owned(),
            passed,
            expected: Some("POST /oauth/token 200".to_owned()),
            seen: Some("nothing".to_owned()),
        };
        assert_eq!(plain(&of(&check(true))), "    ✓ one request is sent (nothing)\n");
        let failed = plain(&of(&check(false)));
        assert_eq!(failed.lines().count(), 3);
        assert!(failed.contains("expected  POST /oauth/token 200") && failed.contains("seen      nothing"), "{failed}");
    }

    #[test]
    fn wait_is_one_line_on_a_terminal_and_few_lines_elsewhere() {
        let lines = |terminal| (0..=10).filter_map(|left| waiting(left, "the token expires", terminal)).count();
        assert_eq!((lines(true), lines(false)), (11, 3));
        let widths = [0, 1, 10].map(|left| plain(&waiting(left, "x", true).unwrap()).len());
        assert_eq!(widths, [widths[0]; 3]);
    }

    #[test]
    fn exchange_without_an_answer_says_so() {
        let exchange = Exchange {
            by: Party::App,
            method: "GET".to_owned(),
            url: "http://127.0.0.1:1/".to_owned(),
            parameters: vec![("a".to_owned(), "1".to_owned()), ("long".to_owned(), "2".to_owned())],
            headers: vec![],
            body: None,
            answer: None,
        };
        let shown = plain(&of(&Event::Exchange(exchange)));
        assert!(shown.contains("app     → GET http://127.0.0.1:1/"), "{shown}");
        assert!(shown.contains("a     1") && shown.contains("long  2") && shown.contains("no answer"), "{shown}");
    }
}
