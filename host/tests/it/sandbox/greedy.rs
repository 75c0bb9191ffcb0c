//! Guests written by hand that take more than a compiler's output ever would: tables without end, instances by the
//! hundred.

use garth::policy::{Access, Limits};
use garth::sandbox::{CallError, Imports, LoadError};

use super::{Yard, shared};

/// A component from the template, and how its only call ends.
async fn call(body: &str, more: &str, limits: Limits) -> Result<String, CallError> {
    let component = load(body, more).unwrap();
    let mut yard = Yard::new(Access::None);
    yard.limits = limits;
    let finished = shared().0.call(&component, yard.request("any", "{}"), yard.host.clone()).await;
    assert!(yard.call("echo", "x").await.result.is_ok(), "the sandbox is as good as before");
    finished.result.map(|output| output.text)
}

fn load(body: &str, more: &str) -> Result<garth::sandbox::Component, LoadError> {
    let text = include_str!("hostile.wat").replace("{body}", body).replace("{more}", more);
    shared().0.load(&wat::parse_str(text).unwrap(), &Imports::default())
}

fn limit(limit: &'static str, value: &str) -> Result<String, CallError> {
    Err(CallError::Limit { limit, value: value.to_owned() })
}

fn instances(of: &str, count: usize) -> String {
    format!("(core instance (instantiate {of}))\n").repeat(count)
}

#[tokio::test]
async fn a_table_grows_up_to_the_limit() {
    let grow = |count: u64| format!("(drop (table.grow $table (ref.null func) (i32.const {count})))");
    let endless = format!("(loop $again {} (br $again))", grow(1000));
    let few = || Limits { table_elements: 5000, ..Limits::default() };
    assert_eq!(call(&endless, "", Limits::default()).await, limit("table_elements", "100000"));
    assert_eq!(call(&endless, "", few()).await, limit("table_elements", "5000"));
    assert_eq!(call(&grow(4_000_000_000), "", Limits::default()).await, limit("table_elements", "100000"));
    // The table begins with one element.
    assert_eq!(call(&grow(4999), "", few()).await, Ok(String::new()));
    assert_eq!(call(&grow(5000), "", few()).await, limit("table_elements", "5000"));
    // All tables count together.
    let three = instances("$guest", 2);
    assert_eq!(call(&grow(4997), &three, few()).await, Ok(String::new()));
    assert_eq!(call(&grow(4998), &three, few()).await, limit("table_elements", "5000"));
}

#[tokio::test]
async fn instances_are_counted() {
    assert_eq!(call("", &instances("$empty", 63), Limits::default()).await, Ok(String::new()));
    assert_eq!(call("", &instances("$empty", 64), Limits::default()).await, limit("instances", "64"));
    assert_eq!(call("", &instances("$empty", 900), Limits::default()).await, limit("instances", "64"));
    let three = || Limits { instances: 3, ..Limits::default() };
    assert_eq!(call("", &instances("$guest", 2), three()).await, Ok(String::new()));
    assert_eq!(call("", &instances("$guest", 3), three()).await, limit("instances", "3"));
}

#[test]
fn a_component_with_more_memories_than_it_may_keep_from_others_is_refused() {
    assert!(load("", &instances("$guest", 15)).is_ok());
    let refused = load("", &instances("$guest", 16)).err().unwrap();
    let expected = "contains 17 Wasm linear memories";
    assert!(matches!(&refused, LoadError::NotAComponent(reason) if reason.contains(expected)), "{refused}");
}
