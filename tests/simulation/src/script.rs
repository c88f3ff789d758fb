//! A run that is told beforehand what goes wrong, and where: for enumerating what chance would have to hit.
//!
//! Each call of a port, and each step at which a process may be killed, is a *point*. They are counted through all
//! processes, in an order that repeats itself, and a fault is put at one of them by its number.

use crate::fate::Fate;
use crate::network::Endpoint;
use crate::scopes::faults;

/// Where something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Between two things that a process does.
    Step,
    Load(Kind),
    Save(Kind),
    Delete(Kind),
    /// A renewal leaves.
    Renewal,
    /// Any other request but one to an API leaves.
    Request(Endpoint),
}

/// What an entry of the storage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    Login,
    Other,
}

impl Kind {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "session" => Kind::Session,
            "login" => Kind::Login,
            _ => Kind::Other,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends there.
    Kill,
    /// The process does nothing for so many milliseconds.
    Suspend(u64),
    Network(Fate),
    /// What the server answers is odd.
    Odd(crate::server::Oddity),
    /// The server refuses a good token with `invalid_grant`, once.
    Hiccup,
    Locked,
    Fails,
    /// The key of all that is stored is gone.
    KeyGone,
    /// What is stored is not to be seen for so many milliseconds.
    Vanishes(u64),
    /// The read gives the value before.
    Stale,
}

/// What goes wrong in a run, and where one came along.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Whether it has begun: before that nothing counts.
    pub(crate) is_on: bool,
    pub(crate) points: Vec<Point>,
    /// By the numbers of the point and of the fault in its list.
    chosen: Vec<(usize, usize)>,
    /// How many of them have happened.
    pub(crate) happened: usize,
}

impl Script {
    /// At the point with this number the fault with this number in the list of that point's is to happen.
    pub(crate) fn choose(&mut self, point: usize, fault: usize) {
        self.chosen.push((point, fault));
    }

    /// The process comes along a point; returns what goes wrong there.
    pub(crate) fn pass(&mut self, point: Point) -> Option<Fault> {
        if !self.is_on {
            return None;
        }
        let number = self.points.len();
        self.points.push(point);
        let (_, fault) = self.chosen.iter().find(|(at, _)| *at == number)?;
        self.happened += 1;
        faults(point).into_iter().nth(*fault)
    }
}
