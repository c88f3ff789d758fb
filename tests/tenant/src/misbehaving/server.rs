//! The server that has all issuers.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    answers::{Asked, plain},
    authorization::{AuthorizeError, Authorized},
    behaviour::Behaviour,
    issuer::Issuer,
    template::TemplateError,
};

/// No request of a client is larger.
const BODY_LIMIT: usize = 1 << 20;

/// A running server with any number of issuers. Dropping it stops it.
pub struct MisbehavingIssuer {
    issuers: Arc<Issuers>,
    origin: String,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Issuers(Mutex<BTreeMap<String, Issuer>>);

impl Issuers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Issuer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MisbehavingIssuer {
    /// Starts the server on a free port of 127.0.0.1, on tasks of the current tokio runtime.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let issuers = Arc::new(Issuers::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&issuers));
        let (stop, mut stopped) = watch::channel(false);
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(async move {
                // Either it is set, or whoever could set it is gone.
                let _stopped = stopped.wait_for(|stop| *stop).await;
            });
            // Accepting never fails for good.
            let _ended = served.await;
        });
        Ok(Self { issuers, origin, stop, serving })
    }

    /// Adds an issuer, or puts it in the place of the one that had this name, and returns its issuer identifier. `name` is
    /// a segment of its path.
    pub fn add(&self, name: &str, behaviour: Behaviour) -> String {
        let issuer = Issuer::new(format!("{}/{name}", self.origin), behaviour);
        let identifier = issuer.name();
        self.issuers.lock().insert(name.to_owned(), issuer);
        identifier
    }

    /// Judges an authorization request and, as a user who signs in at once, authorizes it.
    ///
    /// # Errors
    /// [`AuthorizeError`] when the client's request is not in order.
    pub fn authorize(&self, name: &str, url: &str) -> Result<Authorized, AuthorizeError> {
        let mut issuers = self.issuers.lock();
        let issuer = issuers.get_mut(name).ok_or_else(|| AuthorizeError::UnknownIssuer(name.to_owned()))?;
        issuer.authorize(url)
    }

    /// Writes out a template, with the issuer's variables: `issuer`, `base` (without a slash at the end), `origin`,
    /// `redirect_uri`, `state`, `code`, `nonce`, `client_id`, `access_token` and `id_token` (the latest).
    ///
    /// # Errors
    /// [`TemplateError`] for a name that there is not.
    pub fn expand(&self, name: &str, text: &str) -> Result<String, TemplateError> {
        let issuers = self.issuers.lock();
        issuers.get(name).ok_or_else(|| TemplateError(name.to_owned()))?.expand(text)
    }

    /// What the issuer was asked, in this order: `discovery`, `keys`, `par`, `device`, `ask dc-1` (a token request of that device), `code` (a token request with a code), `refresh rt-1`
    /// (a token request with this refresh token), `userinfo at-1`, `GET api at-1`, `revoke rt-1`; with `, proved` behind
    /// it when a proof of possession came along; a refused request with what was wrong; anything else as method and path
    /// below the issuer.
    pub fn requests(&self, name: &str) -> Vec<String> {
        self.issuers.lock().get(name).map(|issuer| issuer.seen().to_vec()).unwrap_or_default()
    }

    /// Stops accepting and waits until open connections have ended their work.
    pub async fn stop(self) {
        let _receiver_lives_in_the_server = self.stop.send(true);
        // A panic in there was reported when it happened.
        let _ended = self.serving.await;
    }
}

async fn answer(State(issuers): State<Arc<Issuers>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "too large");
    };
    let path = parts.uri.path().trim_start_matches('/');
    let (name, path) = path.split_once('/').unwrap_or((path, ""));
    let mut issuers = issuers.lock();
    match issuers.get_mut(name) {
        Some(issuer) => issuer.answer(&Asked { method: &parts.method, path, headers: &parts.headers, body: &body }),
        None => plain(StatusCode::NOT_FOUND, "there is no such issuer"),
    }
}
