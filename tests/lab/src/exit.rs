//! Exit codes: what a script needs to know of how a command ended.

use std::process::ExitCode;

use hallpass_core::Error;

/// How a command ended. Each has its code, which `lab --help` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// A step of the exercise failed, the doctor found something to be changed, or a defect.
    Failed,
    /// Wrong command line, settings or property file.
    Misconfigured,
    /// A login is required.
    LoginRequired,
    /// No answer, or none of use.
    Offline,
    /// The server refused.
    Denied,
    /// An answer could not be trusted.
    Untrusted,
    /// The secure store cannot be used.
    Storage,
    /// The user or another login cancelled it.
    Cancelled,
    /// `call --fail`: a status of 400 or more.
    CallFailed,
}

impl Exit {
    /// The code for the operating system.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            // What clap uses for a wrong command line.
            Exit::Misconfigured => 2,
            Exit::LoginRequired => 3,
            Exit::Offline => 4,
            Exit::Denied => 5,
            Exit::Untrusted => 6,
            Exit::Storage => 7,
            Exit::Cancelled => 8,
            // What curl uses for its --fail.
            Exit::CallFailed => 22,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Cancelled => Exit::Cancelled,
            Error::LoginRequired { .. } | Error::StepUpRequired { .. } => Exit::LoginRequired,
            Error::Offline { .. } => Exit::Offline,
            Error::Denied { .. } => Exit::Denied,
            Error::Storage { .. } => Exit::Storage,
            Error::Untrusted { .. } => Exit::Untrusted,
            Error::Misconfigured { .. } => Exit::Misconfigured,
            Error::Internal { .. } => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
