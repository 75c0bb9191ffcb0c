//! A component as people write it who do not know Garth: plain functions in interfaces of its own. It has every type of
//! WIT, gives values back as they came, and ends in every way that a call can end. Outside WebAssembly the crate is empty.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "the generated bindings of a component's exports are unsafe")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plain" });
    use super::Fixtures;
    export!(Fixtures with_types_in self);
}

use std::cell::Cell;

use bindings::exports::fixtures::plain::{echo, ends};
use bindings::{Guest, exports::inline};

struct Fixtures;

struct Counter(Cell<u32>);

impl echo::GuestCounter for Counter {
    fn new() -> Counter {
        Counter(Cell::new(0))
    }
    fn next(&self) -> u32 {
        self.0.replace(self.0.get() + 1)
    }
}

impl echo::Guest for Fixtures {
    type Counter = Counter;

    fn all(value: echo::Everything) -> echo::Everything {
        value
    }
    fn floats(a: f32, b: f64) -> (f32, f64) {
        (a, b)
    }
    fn not_a_number() -> Vec<f64> {
        vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5]
    }
    fn option_last(first: String, second: Option<String>) -> String {
        format!("{first} {second:?}")
    }
    fn bytes(value: Vec<u8>) -> Vec<u8> {
        value
    }
    fn take(_: echo::Counter) {}
    fn make() -> Vec<echo::Counter> {
        Vec::new()
    }
}

impl ends::Guest for Fixtures {
    fn nothing() {}
    fn divide(a: i32, b: i32) -> Result<i32, String> {
        a.checked_div(b).ok_or_else(|| format!("{a} cannot be divided by {b}"))
    }
    fn check(size: u32) -> Result<String, ends::Problem> {
        match size {
            0..10 => Err(ends::Problem::TooSmall),
            10..100 => Ok(format!("{size} is fine")),
            _ => Err(ends::Problem::TooLarge),
        }
    }
    fn explain() -> Result<u8, ends::Detail> {
        Err(ends::Detail { code: 418, why: "a teapot".to_owned() })
    }
    fn refuse() -> Result<(), ()> {
        Err(())
    }
    fn finish() -> Result<(), String> {
        Ok(())
    }
    fn panic() {
        panic!("the fixture was told to panic")
    }
    fn spin() {
        loop {
            std::hint::black_box(());
        }
    }
    fn flood(count: u32) -> Vec<u64> {
        (0..u64::from(count)).collect()
    }
    fn read(path: String) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
    fn write(path: String, text: String) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| error.to_string())
    }
}

impl inline::Guest for Fixtures {
    fn same(value: i64) -> i64 {
        value
    }
}

impl Guest for Fixtures {
    fn shout_out(text: String) -> String {
        text.to_uppercase()
    }
}
