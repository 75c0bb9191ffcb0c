//! The user's secrets: kept where only the user can read them, put into requests by the host, and taken out of whatever
//! tools return. Plugins and the model know them by name only. Who may use one, and where, is decided elsewhere.

mod encoded;
mod keys;
mod redact;
mod store;

pub use redact::{Look, Redactor};
pub use store::{Store, StoreError, Value};
