//! TLS: only a certificate for the name that was asked for, signed by somebody who counts; and the secrets that go there.

use garth::sandbox::{Injected, Roots};

use super::server::{AUTHORITY, Server};
use super::{Web, access};

fn web(roots: Roots) -> Web {
    let hosts = [r#"{"host": "secure.example"}"#, r#"{"host": "other.example"}"#];
    Web { access: hosts.map(access).into(), roots, ..Web::new() }
}

fn trusted() -> Web {
    web(Roots::Only(vec![AUTHORITY.to_vec()]))
}

#[tokio::test]
async fn a_good_certificate_is_needed() {
    let good = trusted().call("GET https secure.example /x").await;
    assert_eq!(good.told(), "200");
    assert!(good.asked[0].tls && good.asked[0].port == 443);
    assert!(good.seen[0].starts_with("GET /x HTTP/1.1\r\nhost: secure.example\r\n"), "{:?}", good.seen);
    // https is what is meant when nothing is said.
    assert_eq!(trusted().call("GET - secure.example /").await.told(), "200");

    let other_name = trusted().call("GET https other.example /").await;
    assert_eq!(other_name.told(), "ErrorCode::TlsCertificateError");
    let server = Server::secure().await;
    let unknown_authority = web(Roots::System).call_at(&server, "GET https secure.example /").await;
    assert_eq!(unknown_authority.told(), "ErrorCode::TlsCertificateError");
    assert!(unknown_authority.seen.is_empty() && other_name.seen.is_empty());
    let server = Server::plain().await;
    let no_tls = trusted().call_at(&server, "GET https secure.example /").await;
    assert!(no_tls.told().starts_with("ErrorCode::"), "{}", no_tls.told());
    assert!(no_tls.seen.is_empty());
}

#[tokio::test]
async fn a_secret_takes_the_place_of_the_guests_header() {
    let mut web = trusted();
    web.answer = Ok(vec![Injected { header: "authorization".into(), value: "Bearer sesame".into() }]);
    let sent = web.call("GET https secure.example /\nheader authorization mine\nheader authorization too").await;
    assert_eq!(sent.told(), "200");
    assert!(
        sent.seen[0].contains("authorization: Bearer sesame\r\n") && !sent.seen[0].contains("mine"),
        "{:?}",
        sent.seen
    );
    assert_eq!(sent.seen[0].matches("authorization").count(), 1);
    // The guest cannot read what it does not have: its own request still says what it set.
    web.answer = Ok(vec![Injected { header: "authorization".into(), value: "sesame\r\nx: y".into() }]);
    let broken = web.call("GET https secure.example /").await;
    broken.assert_denied("set it again with `garth secret set`");
    assert!(!broken.finished.used.denials.concat().contains("sesame"));
    broken.assert_nothing_left();
}
