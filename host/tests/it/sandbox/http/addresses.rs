//! Where a name leads: every address is vetted, and the one that was vetted is the one that is connected to.

use super::{Web, access};

#[tokio::test]
async fn what_is_near_needs_the_word_private() {
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ] {
        for answer in [vec![address], vec!["8.8.8.8", address], vec![address, "8.8.8.8"]] {
            let mut web = Web::new();
            web.names = vec![("a.example", vec![answer.clone()])];
            let denied = web.call("GET http a.example /").await;
            denied.assert_denied("an entry of `http` with `private = true` for a.example would allow it");
            denied.assert_nothing_left();
            web.access[0].private = true;
            let allowed = web.call("GET http a.example /").await;
            assert_eq!(allowed.told(), "200", "{answer:?}");
            assert!(allowed.asked[0].private);
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_where_no_server_is() {
    for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "ff02::1", "192.0.2.1", "2001::1"] {
        let mut web = Web::new();
        web.access[0].private = true;
        web.names = vec![("a.example", vec![vec![address]])];
        let denied = web.call("GET http a.example /").await;
        denied.assert_denied("where no server is");
        denied.assert_nothing_left();
    }
}

#[tokio::test]
async fn the_metadata_service_must_be_named_by_its_address() {
    let mut web = Web::new();
    web.access[0].private = true;
    web.names = vec![("a.example", vec![vec!["169.254.169.254"]])];
    let trapped = web.call("GET http a.example /").await;
    trapped.assert_denied("only an entry of `http` with that address may reach");
    trapped.assert_nothing_left();
    let mut named = Web::new();
    named.access = vec![access(r#"{"host": "169.254.169.254", "ports": [80]}"#)];
    named.call("GET http 169.254.169.254 /").await.assert_denied("169.254.169.254 was not contacted: it is a cloud's");
    named.access[0].private = true;
    assert_eq!(named.call("GET http 169.254.169.254 /").await.told(), "200");
}

#[tokio::test]
async fn addresses_in_any_spelling_are_the_same_address() {
    let web = Web::any(false);
    for host in
        ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::10.0.0.1]", "10.0.0.1"]
    {
        let denied = web.call(&format!("GET http {host} /")).await;
        denied.assert_denied("would allow it");
        denied.assert_nothing_left();
        assert_eq!(denied.resolved.len(), 0, "an address is looked up nowhere");
    }
    let public = web.call("GET http 8.8.8.8 /").await;
    assert_eq!((public.told().as_str(), public.asked[0].private), ("200", false));
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let mut web = Web::new();
    web.names = vec![("a.example", vec![vec!["8.8.8.8"], vec!["127.0.0.1"]])];
    let once = web.call("GET http a.example /").await;
    assert_eq!(once.told(), "200");
    assert_eq!((once.resolved.len(), once.connected.as_slice()), (1, &["8.8.8.8:80".to_owned()][..]));
    // Asked again, it leads here: denied.
    let twice = web.call("GET http a.example /\ntimes 2").await;
    assert_eq!(twice.told(), "ErrorCode::HttpRequestDenied");
    assert_eq!((twice.resolved.len(), twice.connected.len()), (2, 1));
}

#[tokio::test]
async fn a_redirect_to_what_is_near_is_denied() {
    let mut web = Web::any(false);
    web.names = vec![("inside.example", vec![vec!["10.0.0.7"]])];
    for to in ["http://inside.example/", "http://127.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/"] {
        let denied = web.call(&format!("GET http a.example /redirect?{to}\nfollow 3")).await;
        assert_eq!(denied.told(), "ErrorCode::HttpRequestDenied", "{to}");
        assert_eq!(denied.connected, ["93.184.215.14:80"], "{to}");
        assert_eq!(denied.finished.used.denials.len(), 1);
    }
}

/// Whether something listens there must not be told by how the request fails.
#[tokio::test]
async fn denied_is_not_refused() {
    for dead in [false, true] {
        let mut web = Web::any(false);
        web.dead = dead;
        web.call("GET http 127.0.0.1 /").await.assert_denied("loopback");
    }
    let mut allowed = Web { dead: true, ..Web::new() };
    allowed.access = vec![access(r#"{"host": "127.0.0.1", "ports": [80], "private": true}"#)];
    let refused = allowed.call("GET http 127.0.0.1 /").await;
    assert_eq!(refused.told(), "ErrorCode::ConnectionRefused");
    assert_eq!(refused.finished.used.denials, [""; 0]);
    assert_eq!(refused.finished.used.http[0].status, None);
}

#[tokio::test]
async fn the_next_address_is_tried_and_too_many_are_not() {
    let mut web = Web { dead: true, ..Web::new() };
    web.names = vec![("a.example", vec![vec!["8.8.8.8", "2606:4700::1111"]])];
    let refused = web.call("GET http a.example /").await;
    assert_eq!(refused.told(), "ErrorCode::ConnectionRefused");
    assert_eq!(refused.connected, ["8.8.8.8:80", "[2606:4700::1111]:80"]);
    web.names = vec![("a.example", vec![vec!["8.8.8.8"; 65]])];
    web.call("GET http a.example /").await.assert_denied("more than 64 addresses");
}

/// Without anything in between: the system's resolver and a real connection.
#[tokio::test]
async fn the_machines_own_network_is_reached_when_it_is_granted() {
    let server = super::Server::plain().await;
    let (sandbox, _, doorman) = Web::new().surroundings(&server);
    let sandbox = sandbox.with_network(garth::sandbox::Network::system());
    let port = server.address.port();
    for (private, status) in [(false, None), (true, Some(200))] {
        let json = format!(r#"{{"host": "localhost", "ports": [{port}], "private": {private}}}"#);
        let web = Web { access: vec![access(&json)], ..Web::new() };
        let request = web.request(&format!("GET http localhost:{port} /x"));
        let finished = sandbox.call(&super::super::shared().1, request, doorman.clone()).await;
        assert_eq!(finished.result.is_ok(), private, "{finished:?}");
        assert_eq!(finished.used.http[0].status, status);
        assert_eq!(finished.used.denials.len(), usize::from(!private));
        assert_eq!(server.seen().len(), usize::from(private));
    }
}
