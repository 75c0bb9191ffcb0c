//! A web for a plugin's own tests: what each server answers is data, and what was asked is kept.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::http::{Failure, Request, Response};

/// Answers the requests of this thread until it is dropped.
pub struct Web(());

/// What one request is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The host does not let the request pass.
    pub denied: bool,
}

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET https://example.org/`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    asked: Vec<Asked>,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

impl Answer {
    pub fn text(body: impl Into<Vec<u8>>) -> Answer {
        Answer::of("text/plain; charset=utf-8", body)
    }

    pub fn html(body: impl Into<Vec<u8>>) -> Answer {
        Answer::of("text/html; charset=utf-8", body)
    }

    /// 200 with this content type.
    pub fn of(content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Answer { status: 200, headers, body: body.into(), denied: false }
    }

    pub fn redirect(status: u16, target: &str) -> Answer {
        Answer { status, headers: vec![("location".to_owned(), target.to_owned())], body: Vec::new(), denied: false }
    }

    pub fn denied() -> Answer {
        Answer { denied: true, ..Answer::text("") }
    }
}

impl Web {
    /// By method and URL: `("GET https://example.org/", Answer::text("hello"))`.
    pub fn new<'a>(answers: impl IntoIterator<Item = (&'a str, Answer)>) -> Web {
        let answers = answers.into_iter().map(|(line, answer)| (line.to_owned(), answer)).collect();
        STATE.set(Some(State { answers, asked: Vec::new() }));
        Web(())
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<Asked> {
        STATE.with_borrow(|state| state.as_ref().map(|state| state.asked.clone()).unwrap_or_default())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        STATE.set(None);
    }
}

pub(crate) fn exchange(request: &Request) -> Result<Response, Failure> {
    STATE.with_borrow_mut(|state| {
        let nowhere =
            || Failure::Failed("there is no network in native tests; say what it answers with testing::Web".into());
        let state = state.as_mut().ok_or_else(nowhere)?;
        let asked = Asked {
            line: format!("{} {}", request.method, request.url),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let answer = state.answers.get(&asked.line).cloned();
        state.asked.push(asked);
        match answer {
            None => Err(Failure::Failed("there is no server of this name".into())),
            Some(answer) if answer.denied => Err(Failure::Denied),
            Some(Answer { status, headers, mut body, .. }) => {
                let cut = body.len() > request.limit;
                body.truncate(request.limit);
                Ok(Response { url: request.url.clone(), status, headers, body, cut })
            }
        }
    })
}
