//! A body that ends before its length says so.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// So long after the first half the connection breaks: the half must have been sent by then.
const PAUSE: Duration = Duration::from_millis(50);

struct BrokenOff {
    sent: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

/// The first half of `whole`, then a broken connection. The caller sets `Content-Length` to the length of the whole.
pub(super) fn broken_off(whole: &Bytes) -> Body {
    Body::new(BrokenOff { sent: Some(whole.slice(..whole.len() / 2)), pause: Box::pin(sleep(PAUSE)) })
}

impl HttpBody for BrokenOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.sent.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        self.pause.as_mut().poll(context).map(|()| Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
