//! The `garth` program; everything is in the library.

fn main() -> std::process::ExitCode {
    garth::app::main()
}
