//! Components that export plain functions instead of `garth:plugin/tools`: each function is a tool. What its types are
//! as JSON is decided here, once: `schema` says it, `value` converts it, in both directions.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | `bool`, integers, `string` | the same; an integer within its range |
//! | `f32`, `f64` | a number; what comes back may be `"NaN"`, `"Infinity"` or `"-Infinity"` |
//! | `char` | a string of one character |
//! | `list<u8>` | a string in base64 |
//! | `list`, `tuple` | an array |
//! | `record` | an object; a field that is an `option` may be left out |
//! | `enum` | its name |
//! | `variant` | the case's name, or `{"case": payload}` |
//! | `flags` | an array of names |
//! | `option` | null or the value; an option in an option is `{"some": …}` |
//! | `result` | `{"ok": …}` or `{"err": …}`; as the result of the whole function, its value or the tool's failure |
//!
//! Resources, streams, futures and whatever else holds on to something outside the call are refused: a tool's call is
//! over when it has answered.

mod bind;
mod docs;
mod function;
mod names;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod types;
mod value;

pub(super) use bind::{Plain, bind};
pub(super) use docs::Docs;
pub use function::Function;
pub(super) use names::{unique, words};
pub(super) use read::{Reader, Signature};
pub use types::{Integer, Type};
