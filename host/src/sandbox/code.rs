//! What a guest may ask the code graph: within its capability, about files that it could read itself and that are not private
//! (an answer does not open them, so it could not be noted), and never more than fits an answer. Who keeps the graph, and
//! where, the host of the call knows.

use std::cell::RefCell;
use std::time::Duration;

use super::contract::graph as contract;
use super::state::State;
use crate::graph::{self, Asker, Error, Graph};
use crate::policy::normalise;

/// Bytes of text in one answer.
const MOST_TEXT: usize = 96 << 10;
/// Bytes that a record takes beside its texts.
const RECORD: usize = 16;
/// Bytes of a name, a path, a question.
const LONGEST: usize = 4_096;
const MOST_FILES: usize = 64;
const MOST_TOKENS: u32 = 8_000;
/// Definitions that are named for one name that is called.
const MOST_MEANT: usize = 5;
/// Remarks on what answers lack, in one call.
const MOST_REMARKS: usize = 4;

impl contract::Host for State {
    fn outline_file(&mut self, path: String) -> wasmtime::Result<Result<contract::Outline, String>> {
        self.ask(&[&path], |graph, asker| graph.outline(&path, asker).map(outline))
    }

    fn find_symbol(
        &mut self,
        name: String,
        path: Option<String>,
    ) -> wasmtime::Result<Result<contract::Symbols, String>> {
        let within = path.as_deref();
        self.ask(&[&name, within.unwrap_or_default()], |graph, asker| graph.symbol(&name, within, asker).map(symbols))
    }

    fn find_callers(
        &mut self,
        name: String,
        path: Option<String>,
    ) -> wasmtime::Result<Result<contract::Callers, String>> {
        let within = path.as_deref();
        self.ask(&[&name, within.unwrap_or_default()], |graph, asker| graph.callers(&name, within, asker).map(callers))
    }

    fn find_callees(
        &mut self,
        name: String,
        path: Option<String>,
    ) -> wasmtime::Result<Result<Vec<contract::Callees>, String>> {
        let within = path.as_deref();
        self.ask(&[&name, within.unwrap_or_default()], |graph, asker| {
            graph.callees(&name, within, asker).map(|found| callees(found, asker))
        })
    }

    fn find_related(
        &mut self,
        question: String,
        mut files: Vec<String>,
        tokens: u32,
    ) -> wasmtime::Result<Result<contract::Related, String>> {
        files.truncate(MOST_FILES);
        files.retain(|file| file.len() <= LONGEST);
        self.ask(&[&question], |graph, asker| {
            graph.related(&question, &files, tokens.min(MOST_TOKENS) as usize, asker).map(related)
        })
    }

    fn missing(&mut self) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let Some(live) = self.host.graph().filter(|_| self.asks_graph) else { return Ok(None) };
        let all: Vec<String> = self.remarks.iter().cloned().chain(live.missing()).collect();
        Ok((!all.is_empty()).then(|| all.join("; ")))
    }
}

impl State {
    fn ask<T>(
        &mut self,
        texts: &[&str],
        question: impl FnOnce(&Graph, Asker) -> Result<T, Error>,
    ) -> wasmtime::Result<Result<T, String>> {
        self.count()?;
        if !self.asks_graph {
            let reason = "the code graph is not granted to this tool (capability `graph`)".to_owned();
            self.meter.deny(reason.clone());
            return Ok(Err(format!("denied: {reason}")));
        }
        if texts.iter().any(|text| text.len() > LONGEST) {
            return Ok(Err(format!("a name, a path or a question has at most {LONGEST} bytes")));
        }
        let Some(live) = self.host.graph() else { return Ok(Err("there is no code graph here".to_owned())) };
        let (files, control) = (&self.files, &self.control);
        // Half of what is left, so that the guest can still say what came of it.
        let most: Duration = control.remaining() / 2;
        let visible = |path: &str| normalise(path).is_ok_and(|path| files.may_read(&path) && !files.is_private(&path));
        let (stopped, remarks) = (|| control.is_stopped(), RefCell::new(Vec::new()));
        let asker = Asker { visible: &visible, stopped: &stopped, lacks: &|remark| remarks.borrow_mut().push(remark) };
        let answer = live.ask(most, &stopped, |graph| question(graph, asker));
        for remark in remarks.into_inner() {
            if self.remarks.len() < MOST_REMARKS && !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
        Ok(answer)
    }
}

/// What still fits into an answer.
struct Room(usize);

impl Room {
    fn new() -> Room {
        Room(MOST_TEXT)
    }

    fn takes(&mut self, texts: &[&str]) -> bool {
        let size = RECORD + texts.iter().map(|text| text.len()).sum::<usize>();
        let fits = size <= self.0;
        self.0 = if fits { self.0 - size } else { 0 };
        fits
    }

    /// The first ones that fit, and how many more there are.
    fn fit<T, U>(&mut self, all: Vec<T>, mut one: impl FnMut(&mut Room, T) -> Option<U>) -> (Vec<U>, u32) {
        let count = all.len();
        let kept: Vec<U> = all.into_iter().map_while(|item| one(self, item)).collect();
        let more = number(count - kept.len());
        (kept, more)
    }

    fn place(&mut self, place: graph::Place) -> Option<contract::Place> {
        let graph::Place { path, line, name, signature } = place;
        self.takes(&[&path, &name, &signature]).then_some(contract::Place { path, line, name, signature })
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn outline(found: graph::Outline) -> contract::Outline {
    let (entries, more) = Room::new().fit(found.lines, |room, line| {
        let graph::Line { depth, kind, line, last, signature } = line;
        let entry = contract::Entry { depth: number(depth), kind: kind.name().to_owned(), line, last, signature };
        room.takes(&[&entry.kind, &entry.signature]).then_some(entry)
    });
    contract::Outline { path: found.path, entries, more }
}

fn symbols(found: graph::Symbols) -> contract::Symbols {
    let graph::Symbols { found, more, near } = found;
    let mut first = true;
    let (found, cut) = Room::new().fit(found, |room, symbol| {
        let graph::Symbol { path, name, kind, line, last, mut code } = symbol;
        let mut more_lines = 0;
        let fits = room.takes(&[&path, &name, &code]);
        // A part of the most telling one says more than nothing.
        if !fits && std::mem::take(&mut first) {
            let kept: usize = code.split_inclusive('\n').scan(0, |sum, line| up_to(sum, line, MOST_TEXT / 2)).sum();
            more_lines = number(code[kept..].lines().count());
            code.truncate(kept);
        } else if !fits {
            return None;
        }
        first = false;
        Some(contract::Symbol { path, name, kind: kind.name().to_owned(), line, last, code, more_lines })
    });
    contract::Symbols { found, more: number(more).saturating_add(cut), near }
}

/// The length of a line while all of them are not longer than `most`.
fn up_to(sum: &mut usize, line: &str, most: usize) -> Option<usize> {
    *sum += line.len();
    (*sum <= most).then_some(line.len())
}

fn callers(found: graph::Callers) -> contract::Callers {
    let mut room = Room::new();
    let (targets, _) = room.fit(found.targets, Room::place);
    let (callers, cut) = room.fit(found.callers, |room, caller| {
        let graph::Caller { path, within, lines, count, others } = caller;
        let within = match within {
            Some(place) => Some(room.place(place)?),
            None => None,
        };
        let caller = contract::Caller { path, within, lines, count, others: number(others) };
        room.takes(&[&caller.path]).then_some(caller)
    });
    contract::Callers { targets, callers, more: number(found.more).saturating_add(cut) }
}

fn callees(found: Vec<graph::Callees>, asker: Asker) -> Vec<contract::Callees> {
    let mut room = Room::new();
    let of_one = |room: &mut Room, graph::Callees { of, callees }: graph::Callees| {
        let target = room.place(of)?;
        let (callees, more) = room.fit(callees, |room, graph::Callee { name, lines, mut definitions }| {
            let beyond = definitions.len().saturating_sub(MOST_MEANT);
            definitions.truncate(MOST_MEANT);
            let (definitions, cut) = room.fit(definitions, Room::place);
            let more = number(beyond).saturating_add(cut);
            room.takes(&[&name]).then_some(contract::Callee { name, lines, definitions, more })
        });
        Some(contract::Callees { target, callees, more })
    };
    let (found, cut) = room.fit(found, of_one);
    if cut > 0 {
        (asker.lacks)(format!("{cut} more definitions have that name"));
    }
    found
}

fn related(found: graph::Related) -> contract::Related {
    let (files, cut) = Room::new().fit(found.files, |room, graph::RelatedFile { path, lines }| {
        let (lines, _) = room.fit(lines, |room, (number, signature)| {
            room.takes(&[&signature]).then_some(contract::Line { number, signature })
        });
        room.takes(&[&path]).then_some(contract::RelatedFile { path, lines })
    });
    contract::Related { files, more: number(found.more).saturating_add(cut) }
}
