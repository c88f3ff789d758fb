//! The contract of [`Browser`].

use std::sync::Arc;

use hallpass_protocol::client::RedirectUri;
use url::Url;

use super::STEP;
use crate::ports::{Browser, BrowserError, Visit};

/// What a user makes of the authorization page at a URL: where the server sends them back, or `None` when they close it.
pub type User = Arc<dyn Fn(&Url) -> Option<Url> + Send + Sync>;

/// Runs the suite on a browser. `make` returns one in which every page that is opened is handed to `user`, and whose
/// patience is a second or so. `configured` is a redirect URI that it can receive.
///
/// # Panics
/// When the browser breaks its contract.
pub async fn browser<B: Browser>(configured: &RedirectUri, make: impl Fn(User) -> B) {
    the_redirect_comes_back_unparsed(configured, &make).await;
    visits_at_once_get_their_own_redirects(configured, &make).await;
    a_page_that_is_closed_is_cancelled(configured, &make).await;
    a_visit_that_is_dropped_makes_room_for_the_next(configured, &make).await;
}

async fn the_redirect_comes_back_unparsed<B: Browser>(configured: &RedirectUri, make: &impl Fn(User) -> B) {
    for answer in [
        "code=a%20b%2Fc+d&iss=https%3A%2F%2Fissuer.example%2F",
        "error=access_denied&error_description=%C3%BC",
        "code=",
    ] {
        let browser = make(Arc::new(move |page| Some(redirect(page, answer))));
        let visit = begin(&browser, configured).await;
        let redirect_uri = visit.redirect_uri();
        is_the_configured_one(&redirect_uri, configured);
        let returned = navigate(visit, &page(&redirect_uri, "state-1")).await;
        assert_eq!(returned, Ok(format!("{redirect_uri}?{answer}&state=state-1")));
    }
}

async fn visits_at_once_get_their_own_redirects<B: Browser>(configured: &RedirectUri, make: &impl Fn(User) -> B) {
    if configured.url().port().is_some_and(|port| port != 0) {
        return; // Only one can listen on a port that is not chosen at run time.
    }
    let browser = make(Arc::new(|page| Some(redirect(page, "code=1"))));
    let (one, other) = (begin(&browser, configured).await, begin(&browser, configured).await);
    let (one_uri, other_uri) = (one.redirect_uri(), other.redirect_uri());
    let (one_page, other_page) = (page(&one_uri, "state-1"), page(&other_uri, "state-2"));
    let (one, other) = tokio::join!(navigate(one, &one_page), navigate(other, &other_page));
    assert_eq!(one, Ok(format!("{one_uri}?code=1&state=state-1")));
    assert_eq!(other, Ok(format!("{other_uri}?code=1&state=state-2")));
}

async fn a_page_that_is_closed_is_cancelled<B: Browser>(configured: &RedirectUri, make: &impl Fn(User) -> B) {
    let browser = make(Arc::new(|_| None));
    let visit = begin(&browser, configured).await;
    let page = page(&visit.redirect_uri(), "state-1");
    assert_eq!(navigate(visit, &page).await, Err(BrowserError::Cancelled));
}

async fn a_visit_that_is_dropped_makes_room_for_the_next<B: Browser>(
    configured: &RedirectUri,
    make: &impl Fn(User) -> B,
) {
    let browser = make(Arc::new(|page| Some(redirect(page, "code=1"))));
    let dropped = begin(&browser, configured).await;
    // Dropped before it went anywhere, and dropped on its way.
    let again = dropped.redirect_uri();
    drop(dropped);
    let waiting = begin(&make(Arc::new(|_| None)), &again).await;
    let page_of_waiting = page(&waiting.redirect_uri(), "state-1");
    let on_its_way = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(on_its_way, waiting.navigate(page_of_waiting)).await.is_err(), "nobody answered");

    let visit = begin(&browser, &again).await;
    let page = page(&visit.redirect_uri(), "state-2");
    assert_eq!(navigate(visit, &page).await, Ok(format!("{again}?code=1&state=state-2")));
}

fn is_the_configured_one(actual: &RedirectUri, configured: &RedirectUri) {
    if !configured.is_loopback() {
        return assert_eq!(actual, configured);
    }
    let port = actual.url().port().expect("a loopback redirect has its port");
    assert_ne!(port, 0, "the port is the one it listens on");
    assert_eq!(Ok(actual), configured.with_port(port).as_ref(), "nothing but the port may differ");
}

/// The page that a login would open.
fn page(redirect_uri: &RedirectUri, state: &str) -> Url {
    let query = [("response_type", "code"), ("redirect_uri", redirect_uri.as_str()), ("state", state)];
    Url::parse_with_params("https://issuer.example/authorize", query).expect("it is a URL")
}

/// Where `page` is answered, with `answer` and its own state.
fn redirect(page: &Url, answer: &str) -> Url {
    let parameter = |name| page.query_pairs().find(|(present, _)| present == name).expect("the page has it").1;
    let text = format!("{}?{answer}&state={}", parameter("redirect_uri"), parameter("state"));
    Url::parse(&text).expect("it is a URL")
}

async fn begin(browser: &impl Browser, configured: &RedirectUri) -> Box<dyn Visit> {
    let visit = tokio::time::timeout(STEP, browser.begin(configured)).await.expect("beginning took too long");
    visit.expect("a visit can begin")
}

async fn navigate(visit: Box<dyn Visit>, page: &Url) -> Result<String, BrowserError> {
    tokio::time::timeout(STEP, visit.navigate(page.clone())).await.expect("the visit took far longer than its patience")
}
