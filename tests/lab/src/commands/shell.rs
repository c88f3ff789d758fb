//! What a shell and other programs want to have of a command: completion, manual pages, times as they write them.

use clap::CommandFactory;

use crate::cli::{Cli, Shell};
use crate::failure::Failure;
use crate::terminal::copy;

/// `lab completion`
pub(crate) fn completion(shell: Shell) -> Result<(), Failure> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lab", &mut script);
    copy(&script).map_err(|error| unwritable(&error))
}

/// `lab man`
pub(crate) fn man(name: Option<&str>) -> Result<(), Failure> {
    copy(&page(name)?).map_err(|error| unwritable(&error))
}

/// The page of a command, as roff.
fn page(name: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut command = Cli::command();
    // So that each command's page says how to call it.
    command.build();
    let mut title = "lab".to_owned();
    if let Some(name) = name {
        let found = command.find_subcommand(name).ok_or_else(|| Failure::Argument {
            what: format!("there is no command {name:?}"),
            fix: "see `lab --help` for the commands".to_owned(),
        })?;
        command = found.clone();
        title = format!("lab-{name}");
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).title(title).render(&mut page).map_err(|error| unwritable(&error))?;
    Ok(page)
}

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::InputOutput(format!("it cannot be written: {error}"))
}

/// A moment as RFC 3339 has it, in UTC, from seconds since 1970.
pub(super) fn rfc_3339(unix_seconds: i64) -> String {
    let (days, seconds) = (unix_seconds.div_euclid(86_400), unix_seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day in the Gregorian calendar, from days since 1970. Counted in eras of 400 years from 1 March on, so
/// that the day that only some years have is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_others_read_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_772_323_200, "2026-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(seconds), text);
        }
    }

    #[test]
    fn every_command_has_its_page_and_an_unknown_one_is_told() {
        for command in Cli::command().get_subcommands() {
            let page = String::from_utf8(page(Some(command.get_name())).unwrap()).unwrap();
            // As roff has hyphens.
            let name = command.get_name().replace('-', "\\-");
            assert!(page.contains(&format!("lab {name}")), "{page:.400}");
        }
        assert!(page(None).is_ok());
        assert!(page(Some("fly")).unwrap_err().to_string().contains("fly"));
    }
}
