//! What the user sees where the redirect leads.
//!
//! A page is whole in itself: it loads nothing, runs one line, shows nothing of the request, and is kept nowhere. That
//! line takes the code out of the address bar and the history.

/// One of the pages; each is a whole HTTP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The redirect arrived with a code.
    Done,
    /// The redirect arrived with an error.
    Failed,
    /// A redirect of another login, or of a page that makes one up.
    Foreign,
    /// Another path.
    NotFound,
    /// Another method.
    NotAllowed,
    /// Another host name.
    Misdirected,
    /// No request at all.
    Malformed,
    /// A request that is too long.
    TooLarge,
}

const STYLE: &str = ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;\
font:1.125rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}main{max-width:28rem;padding:2rem;text-align:center}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}p{margin:0}h1,p{text-wrap:balance}";
const SCRIPT: &str = "history.replaceState(null,'',location.pathname)";

/// Allows that style and that script by their SHA-256, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-Wgr3Wc/BD2YsDbLwPeoNMJUSdaGs7nRDEHgbMuPReRs='; script-src 'sha256-UBodp8UhLR9ASBc1PNRKcs3r2CjAFWxCbrUGPN7u1jo='; \
base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Page {
    /// Status line, title and text.
    const fn content(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Page::Done => ("200 OK", "You can return to the app", "You may close this page."),
            Page::Failed => (
                "200 OK",
                "You were not signed in",
                "Return to the app to see why or to try again. You may close this page.",
            ),
            Page::Foreign => (
                "400 Bad Request",
                "This page belongs to another sign-in",
                "Nothing was changed. Return to the app, or sign in again from there.",
            ),
            Page::NotFound => ("404 Not Found", "There is nothing here", "You may close this page."),
            Page::NotAllowed => ("405 Method Not Allowed", "There is nothing here", "You may close this page."),
            Page::Misdirected => ("421 Misdirected Request", "There is nothing here", "You may close this page."),
            Page::Malformed => ("400 Bad Request", "There is nothing here", "You may close this page."),
            Page::TooLarge => {
                ("431 Request Header Fields Too Large", "There is nothing here", "You may close this page.")
            }
        }
    }

    /// The response as it goes over the wire.
    pub(super) fn to_response(self) -> String {
        let (status, title, text) = self.content();
        let allow = if self == Page::NotAllowed { "Allow: GET\r\n" } else { "" };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style>\n\
             <main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n<script>{SCRIPT}</script>\n</html>\n"
        );
        format!(
            "HTTP/1.1 {status}\r\n{allow}Content-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nContent-Security-Policy: {POLICY}\r\nReferrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n{html}",
            html.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};
    use ring::digest::{SHA256, digest};

    use super::*;

    const ALL: [Page; 8] = [
        Page::Done,
        Page::Failed,
        Page::Foreign,
        Page::NotFound,
        Page::NotAllowed,
        Page::Misdirected,
        Page::Malformed,
        Page::TooLarge,
    ];

    #[test]
    fn the_policy_allows_the_style_and_the_script_that_stand_in_the_page() {
        for (directive, source) in [("style-src", STYLE), ("script-src", SCRIPT)] {
            let hash = Base64::encode_string(digest(&SHA256, source.as_bytes()).as_ref());
            assert!(POLICY.contains(&format!("{directive} 'sha256-{hash}';")), "{directive} should be sha256-{hash}");
        }
    }

    #[test]
    fn every_page_is_whole_kept_nowhere_and_loads_nothing() {
        for page in ALL {
            let response = page.to_response();
            let (head, html) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}\r\n", html.len())), "{page:?}");
            for field in ["Cache-Control: no-store", "Connection: close", "Content-Security-Policy: default-src 'none'"]
            {
                assert!(head.contains(field), "{page:?} lacks {field}");
            }
            for loading in ["http:", "https:", "src=", "href=", "url(", "@import"] {
                assert!(!html.contains(loading), "{page:?} has {loading}");
            }
            for part in ["lang=\"en\"", "<title>", "<main>", "<h1>", "color-scheme:light dark"] {
                assert!(html.contains(part), "{page:?} lacks {part}");
            }
        }
    }

    #[test]
    fn only_the_redirect_itself_is_answered_with_success() {
        for page in ALL {
            let success = page.to_response().starts_with("HTTP/1.1 200 ");
            assert_eq!(success, matches!(page, Page::Done | Page::Failed), "{page:?}");
        }
    }
}
