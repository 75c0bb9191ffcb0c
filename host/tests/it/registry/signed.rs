//! Signatures by minisign: asked for with `--key`, kept in the lock, and needed from then on.

use std::io::Cursor;

use minisign::KeyPair;

use super::plugin::plugin;
use super::world::World;

const TOOLS: [(&str, &str); 1] = [("look", "{}")];

fn sign(keys: &KeyPair, bytes: &[u8]) -> Vec<u8> {
    minisign::sign(Some(&keys.pk), &keys.sk, Cursor::new(bytes), None, None).unwrap().into_string().into_bytes()
}

fn release(world: &World, version: &str, keys: Option<&KeyPair>) {
    let bytes = plugin("weather", version, &TOOLS);
    world.put("weather.wasm", &bytes);
    let signature = world.project.root().join("weather.wasm.minisig");
    match keys {
        Some(keys) => std::fs::write(signature, sign(keys, &bytes)).unwrap(),
        None => drop(std::fs::remove_file(signature)),
    }
}

#[test]
fn a_key_once_given_is_needed_from_then_on() {
    let world = World::new();
    let (mine, other) =
        (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let (key, others_key) = (mine.pk.to_base64(), other.pk.to_base64());
    let add = ["add", "weather.wasm", "--yes", "--key"];
    release(&world, "1.0.0", None);
    world.refused(&[&add[..], &[&key]].concat(), 1, "is not signed, and has to be");
    release(&world, "1.0.0", Some(&other));
    world.refused(&[&add[..], &[&key]].concat(), 1, "was made with another key");
    release(&world, "1.0.0", Some(&mine));
    world.refused(&[&add[..], &["nonsense"]].concat(), 1, "56 characters");
    world.done(&[&add[..], &[&key]].concat());
    assert!(world.project.read("garth.lock").contains(&format!("signed_by = \"{key}\"")));
    assert!(world.has(".garth/plugins/weather.wasm.minisig"));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    for (keys, said) in [(None, "is not signed, and has to be"), (Some(&other), "was made with another key")] {
        release(&world, "1.1.0", keys);
        world.refused(&["update", "weather", "--yes"], 1, said);
        assert!(world.done(&["list"]).contains("weather 1.0.0"));
    }
    world.refused(&["add", "weather.wasm", "--yes"], 1, "was made with another key");
    world.refused(&[&add[..], &[&others_key]].concat(), 1, "names another key for 'weather'");
    release(&world, "1.1.0", Some(&mine));
    world.done(&["update", "weather", "--yes"]);
    assert!(world.done(&["list"]).contains("weather 1.1.0"));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    world.put(".garth/plugins/weather.wasm.minisig", &sign(&other, b"something else"));
    let verified = world.garth(&["verify"]);
    assert!(verified.code == 1 && verified.out.contains("was made with another key"), "{}", verified.out);
    world.put(".garth/plugins/weather.wasm.minisig", &sign(&mine, b"something else"));
    let verified = world.garth(&["verify"]);
    assert!(verified.code == 1 && verified.out.contains("does not fit the file"), "{}", verified.out);
}
