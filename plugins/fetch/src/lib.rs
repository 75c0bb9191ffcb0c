//! Built-in plugin: pages of the web as text.

mod charset;
mod fetch;
mod page;
mod tree;

garth_plugin::export!(fetch::Fetch);
