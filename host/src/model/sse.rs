//! Server-sent events, as chat servers send them rather than as the standard has them: `data:` lines that are each a
//! document, or several that make one, comments to keep the connection alive, `error:` lines of older llama.cpp, and
//! bare JSON from servers that fail before they speak SSE. Source of the format: the WHATWG HTML standard, section 9.2.

use serde_json::Value;

use super::ModelError;

/// What one or more lines amount to.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// A JSON document.
    Data(Value),
    /// `[DONE]`.
    Done,
}

#[derive(Default)]
pub(super) struct Events {
    data: String,
    is_error: bool,
}

impl Events {
    /// Takes the next line; gives a piece when one is complete.
    pub(super) fn line(&mut self, line: &str) -> Result<Option<Piece>, ModelError> {
        if line.trim().is_empty() {
            return self.end();
        }
        if line.starts_with(':') {
            return Ok(None);
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) if field.bytes().all(|byte| byte.is_ascii_lowercase()) => (field, value.trim_start()),
            _ if line.trim_start().starts_with('{') || !self.data.is_empty() => ("data", line),
            _ => return Ok(None), // a field without a value, or noise
        };
        match field {
            "event" => {
                self.is_error = value.trim() == "error";
                Ok(None)
            }
            "data" | "error" => {
                self.is_error |= field == "error";
                self.data(value)
            }
            _ => Ok(None), // id, retry, and what is yet to come
        }
    }

    /// At an empty line and at the end of the stream.
    pub(super) fn end(&mut self) -> Result<Option<Piece>, ModelError> {
        let data = std::mem::take(&mut self.data);
        let is_error = std::mem::take(&mut self.is_error);
        match data.trim() {
            "" => Ok(None),
            text if is_error => Ok(Some(Piece::Data(serde_json::json!({ "error": text })))),
            text => Err(ModelError::Protocol { what: format!("an event is not JSON: {}", beginning(text)) }),
        }
    }

    /// Most documents are one line, and some servers put no empty line between them; so each is tried at once.
    fn data(&mut self, value: &str) -> Result<Option<Piece>, ModelError> {
        if self.data.is_empty() {
            if value.trim() == "[DONE]" {
                return Ok(Some(Piece::Done));
            }
            if let Some(piece) = self.document(value) {
                return Ok(Some(piece));
            }
            self.data.push_str(value);
            return Ok(None);
        }
        self.data.push('\n');
        self.data.push_str(value);
        if self.data.len() > super::lines::LINE {
            return Err(ModelError::TooLarge { what: "bytes in one event", limit: super::lines::LINE as u64 });
        }
        // Only what can end a document is worth the look, and only while the looks stay cheap.
        if value.trim_end().ends_with('}') && self.data.len() < 64 << 10 {
            let whole = std::mem::take(&mut self.data);
            if let Some(piece) = self.document(&whole) {
                return Ok(Some(piece));
            }
            self.data = whole;
        }
        Ok(None)
    }

    fn document(&mut self, text: &str) -> Option<Piece> {
        let value: Value = serde_json::from_str(text).ok()?;
        let error = std::mem::take(&mut self.is_error) && value.get("error").is_none();
        Some(Piece::Data(if error { serde_json::json!({ "error": value }) } else { value }))
    }
}

/// For an error message: enough to recognise what came.
pub(super) fn beginning(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(lines: &[&str], expected: Vec<Piece>) {
        let mut events = Events::default();
        let mut pieces: Vec<Piece> = lines.iter().filter_map(|line| events.line(line).unwrap()).collect();
        pieces.extend(events.end().unwrap());
        assert_eq!(pieces, expected, "{lines:?}");
    }

    #[test]
    fn events_are_read_as_servers_write_them() {
        let one = || Piece::Data(json!({"a": 1}));
        check(&["data: {\"a\":1}", "", "data: [DONE]", ""], vec![one(), Piece::Done]);
        check(&["data:{\"a\":1}", "data:{\"a\":1}"], vec![one(), one()]);
        check(&["data: {\"a\":", "data: 1}", ""], vec![one()]);
        check(&[": keep-alive", "", "id: 7", "retry: 10", "data: {\"a\":1}"], vec![one()]);
        check(&["{\"a\":1}"], vec![one()]);
        check(&["error: {\"message\":\"x\"}"], vec![Piece::Data(json!({"error": {"message": "x"}}))]);
        check(
            &["event: error", "data: {\"message\":\"x\"}", ""],
            vec![Piece::Data(json!({"error": {"message": "x"}}))],
        );
        check(&["event: error", "data: out of memory", ""], vec![Piece::Data(json!({"error": "out of memory"}))]);
    }

    #[test]
    fn garbage_is_an_error_that_shows_it() {
        let mut events = Events::default();
        events.line("data: {oops").unwrap();
        assert!(events.end().unwrap_err().to_string().contains("{oops"));
    }
}
