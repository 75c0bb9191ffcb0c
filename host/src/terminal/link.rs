//! The two channels between a front end and the loop, used so that neither side can block the other: ops wait in an
//! outbox and leave while events are being received.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::protocol::{Event, Op};

/// A front end's end of the wire.
pub struct Link {
    ops: mpsc::Sender<Op>,
    events: mpsc::Receiver<Event>,
    outbox: VecDeque<Op>,
}

impl Link {
    pub fn new(ops: mpsc::Sender<Op>, events: mpsc::Receiver<Event>) -> Link {
        Link { ops, events, outbox: VecDeque::new() }
    }

    /// Queues an op; it leaves with the next [`Link::next`] or [`Link::flush`]. Dropped when the loop is gone.
    pub fn post(&mut self, op: Op) {
        self.outbox.push_back(op);
    }

    /// The next event; `None` when the loop is gone. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                permit = self.ops.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(op) = self.outbox.pop_front() {
                            permit.send(op);
                        }
                    }
                    Err(_) => self.outbox.clear(),
                },
                event = self.events.recv() => return event,
            }
        }
    }

    /// Sends what is queued; events that arrive meanwhile are dropped.
    pub async fn flush(&mut self) {
        while !self.outbox.is_empty() {
            tokio::select! {
                permit = self.ops.reserve() => match (permit, self.outbox.pop_front()) {
                    (Ok(permit), Some(op)) => permit.send(op),
                    _ => return,
                },
                Some(_) = self.events.recv() => {}
            }
        }
    }
}
