//! What a network between a phone and a server does to a request, by chance.

use crate::dice::Dice;
use crate::network::Endpoint;
use crate::world::Weather;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    Unreachable,
    Tls,
    RequestLost,
    AnswerLost,
    /// The server acts after the client has given up.
    Late,
    /// The server acts twice; the first answer comes back.
    Duplicated,
    /// The same, but the second time after whatever the client did next.
    DuplicatedLater,
    Truncated,
    /// Nearly everything of the answer comes.
    CutAtTheEnd,
    TooLarge,
    /// Something answers in the server's stead, or before it has acted.
    Instead(u16, Option<u64>, &'static str),
    /// The server acts, and then it or a gateway fails.
    FailsAfterwards(u16, Option<u64>),
}

impl Fate {
    /// Rolls the fate of a request to `endpoint`.
    pub(crate) fn roll(weather: &Weather, endpoint: Endpoint, dice: &mut Dice) -> Self {
        let roll = dice.below(1_000);
        let mut edge = 0;
        let mut falls = |width: u64| {
            edge += width;
            roll < edge
        };
        if falls(weather.request_lost) {
            Fate::RequestLost
        } else if falls(weather.answer_lost) {
            Fate::AnswerLost
        } else if falls(weather.truncated) {
            if dice.chance(700) { Fate::Truncated } else { Fate::TooLarge }
        } else if falls(weather.unreachable) {
            if dice.chance(700) { Fate::Unreachable } else { Fate::Tls }
        } else if endpoint == Endpoint::Token && falls(weather.late) {
            Fate::Late
        } else if endpoint == Endpoint::Token && falls(weather.duplicated) {
            Fate::Duplicated
        } else if falls(weather.refused) {
            let wait = dice.chance(600).then(|| dice.between(1, 300));
            match dice.below(5) {
                0 | 1 => Fate::Instead(429, wait, r#"{"error":"too_many_requests"}"#),
                2 => Fate::Instead(503, wait, "{}"),
                3 => Fate::Instead(502, None, "<html>Bad Gateway</html>"),
                _ => Fate::FailsAfterwards(500, None),
            }
        } else if falls(weather.garbled) {
            match dice.below(4) {
                0 | 1 => Fate::Instead(200, None, "<html>Welcome to the hotel. Please accept our terms.</html>"),
                2 => Fate::Instead(401, None, r#"{"message":"unauthorized"}"#),
                _ => Fate::Instead(400, None, r#"{"error":"something_new","detail":"teapot"}"#),
            }
        } else if endpoint == Endpoint::Token && falls(weather.duplicated_later) {
            Fate::DuplicatedLater
        } else if falls(weather.fails_afterwards) {
            let status = dice.pick(&[408, 500, 502, 503, 503, 504]);
            Fate::FailsAfterwards(status, (status == 503 && dice.chance(300)).then(|| dice.between(1, 60)))
        } else if endpoint == Endpoint::Token && falls(weather.cut_at_the_end) {
            Fate::CutAtTheEnd
        } else {
            Fate::Arrives
        }
    }
}
