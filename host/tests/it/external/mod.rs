//! Tests that need more than a Rust toolchain, a C compiler and git: the feature `external-tools`. `.ci/run` installs what they
//! need and requires them; without a tool they fail, and say which.

mod languages;
