//! The plugin `plan`: a place to think and a list of tasks. Neither has an effect, so neither needs a capability.

mod think;
mod todo;

pub use think::Think;
pub use todo::Todo;

garth_plugin::export!(Think, Todo);
