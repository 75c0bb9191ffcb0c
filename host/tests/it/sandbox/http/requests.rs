//! What is declared and permitted goes out as it should; everything else is denied before a name is looked up.

use garth::sandbox::{CallError, Contact, HttpRequest, Injected};

use super::{Web, access};

#[tokio::test]
async fn what_is_declared_and_permitted_is_sent() {
    let sent = Web::new()
        .call("POST http A.example:80 /x?y=z\nheader accept text/plain\nheader content-length 5\nbody 5")
        .await;
    assert_eq!(sent.told(), "200");
    let expected = "POST /x?y=z HTTP/1.1\r\naccept: text/plain\r\ncontent-length: 5\r\nhost: a.example\r\n\
                    connection: close\r\n\r\nxxxxx";
    assert_eq!(sent.seen, [expected]);
    assert!(sent.text().ends_with(&format!("{} bytes\n{expected}", expected.len())), "{}", sent.text());
    let asked = HttpRequest { method: "POST".into(), host: "a.example".into(), port: 80, private: false, tls: false };
    assert_eq!(sent.asked, [asked]);
    assert_eq!((sent.resolved.len(), sent.connected.as_slice()), (1, &["93.184.215.14:80".to_owned()][..]));
    let [Contact { method, host, port, status, sent: bytes, received }] = sent.finished.used.http.as_slice() else {
        panic!("{:?}", sent.finished.used);
    };
    assert_eq!((method.as_str(), host.as_str(), *port, *status), ("POST", "a.example", 80, Some(200)));
    assert_eq!(*bytes, expected.len() as u64);
    assert!(*received > *bytes && *received < *bytes + 100, "{received}");
    assert_eq!(sent.finished.used.denials, [""; 0]);
}

#[tokio::test]
async fn a_path_is_sent_as_it_is() {
    for (path, line) in [
        ("?q=1", "GET /?q=1 HTTP/1.1"),
        ("/a/../b//c?d=%20&e", "GET /a/../b//c?d=%20&e HTTP/1.1"),
        ("//b.example/", "GET //b.example/ HTTP/1.1"),
    ] {
        let sent = Web::new().call(&format!("GET http a.example {path}")).await;
        assert_eq!(sent.seen.first().and_then(|seen| seen.lines().next()), Some(line), "{}", sent.told());
    }
}

#[tokio::test]
async fn what_is_not_declared_is_denied_and_nothing_is_looked_up() {
    for (request, because) in [
        (
            "POST http b.example /",
            "`POST b.example` at port 80 was not sent: this tool may only send GET/POST a.example",
        ),
        ("GET http www.a.example /", "`GET www.a.example`"),
        ("GET http a.example.evil.net /", "`GET a.example.evil.net`"),
        ("GET http a.example:81 /", "at port 81"),
        ("GET https a.example /", "at port 443"),
        ("GET http a.example:443 /", "only https is spoken"),
        ("PUT http a.example /", "`PUT a.example`"),
        ("HEAD http a.example /", "`HEAD a.example`"),
        ("TRACE http a.example /", "`TRACE a.example`"),
        ("CONNECT http a.example /", "`CONNECT a.example`"),
        ("GETT http a.example /", "`GETT a.example`"),
        ("GET http user@a.example /", "names a user"),
        ("GET http a.example@b.example /", "names a user"),
        ("GET http user:pass@a.example:80 /", "names a user"),
        ("GET http 2130706433 /", "four numbers"),
        ("GET http 0x7f.1 /", "four numbers"),
        ("GET http [::1] /", "`GET ::1`"),
        ("GET http a.example:99999 /", "no number from 1 to 65535"),
        ("GET http a.example: /", "no number from 1 to 65535"),
    ] {
        let denied = Web::new().call(request).await;
        denied.assert_denied(because);
        denied.assert_nothing_left();
        assert_eq!(
            (denied.asked.len(), denied.resolved.len(), denied.finished.used.http.len()),
            (0, 0, 0),
            "{request}"
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_as_such() {
    for (request, told) in [
        ("GET http a.example /\nheader host b.example", "header: HeaderError::Forbidden"),
        ("GET http a.example /\nheader Host b.example", "header: HeaderError::Forbidden"),
        ("GET http a.example /\nheader transfer-encoding chunked", "header: HeaderError::Forbidden"),
        ("GET http a.example /\nheader connection keep-alive", "header: HeaderError::Forbidden"),
        ("GET http a.example /\nheader upgrade h2c", "header: HeaderError::Forbidden"),
        ("GET http a.example /\nheader a:b c", "header: HeaderError::InvalidSyntax"),
        ("GET http a.example http://b.example/", "path: ()"),
        ("GET ftp a.example /", "ErrorCode::HttpProtocolError"),
        ("GET http - /", "ErrorCode::"),
        ("GET http unknown.a.example /", "ErrorCode::DnsError"),
    ] {
        let mut web = Web::new();
        web.access.push(access(r#"{"host": "*.a.example", "ports": [80]}"#));
        let refused = web.call(request).await;
        assert!(refused.told().starts_with(told), "{request}: {}", refused.told());
        refused.assert_nothing_left();
    }
}

#[tokio::test]
async fn without_a_capability_or_a_permission_nothing_is_sent() {
    let none = Web { access: Vec::new(), ..Web::new() }.call("GET http a.example /").await;
    none.assert_denied("this tool may reach no server (capability `http`)");
    assert_eq!((none.asked.len(), none.resolved.len()), (0, 0));
    none.assert_nothing_left();
    let web = Web { answer: Err("not granted; `garth plugin grant x` would allow it".into()), ..Web::new() };
    let refused = web.call("GET http a.example /").await;
    refused.assert_denied("not granted; `garth plugin grant x`");
    assert_eq!((refused.asked.len(), refused.resolved.len()), (1, 0));
    refused.assert_nothing_left();
}

#[tokio::test]
async fn a_method_without_a_body_sends_none() {
    let sent = Web::new().call("GET http a.example /x\nbody 0").await;
    assert_eq!(sent.told(), "200");
    assert!(sent.seen[0].ends_with("\r\n\r\n") && !sent.seen[0].contains("transfer-encoding"), "{:?}", sent.seen);
    let long = Web::new().call("GET http a.example /\nheader content-length 5\nbody 5").await;
    assert!(long.finished.result.is_err());
    assert_eq!(long.finished.used.denials, ["`GET a.example` was not sent: it has no body here"]);
    long.assert_nothing_left();
    // The bytes of a second request behind the first do not arrive.
    let cut = Web::new().call("GET http a.example /x\nbody 100000").await;
    assert!(cut.told().starts_with("writing: "), "{}", cut.told());
    assert!(cut.seen.iter().all(|seen| seen.ends_with("\r\n\r\n")), "{:?}", cut.seen);
}

#[tokio::test]
async fn a_redirect_is_the_guests_next_request() {
    let mut web = Web::new();
    web.access.push(access(r#"{"host": "b.example", "ports": [80]}"#));
    let seen = web.call("GET http a.example /redirect?http://b.example/x\nfollow 1").await;
    assert_eq!(seen.told(), "200");
    let hosts: Vec<&str> = seen.asked.iter().map(|request| request.host.as_str()).collect();
    assert_eq!(hosts, ["a.example", "b.example"]);
    let contacts = seen.finished.used.http.iter().map(|contact| (contact.host.as_str(), contact.status));
    assert_eq!(contacts.collect::<Vec<_>>(), [("a.example", Some(302)), ("b.example", Some(200))]);
    // The host itself follows nothing.
    assert_eq!(web.call("GET http a.example /redirect?http://b.example/x").await.told(), "302");

    for (to, because) in [
        ("http://c.example/", "`GET c.example`"),
        ("https://a.example/", "at port 443"),
        ("http://user@b.example/", "names a user"),
    ] {
        let denied = web.call(&format!("GET http a.example /redirect?{to}\nfollow 5")).await;
        assert_eq!(denied.told(), "ErrorCode::HttpRequestDenied");
        assert!(denied.finished.used.denials[0].contains(because), "{:?}", denied.finished.used.denials);
        assert_eq!(denied.connected.len(), 1, "{to}");
    }
}

#[tokio::test]
async fn a_secret_is_not_sent_in_the_clear() {
    let secret = |value: &str| Ok(vec![Injected { header: "authorization".into(), value: value.into() }]);
    let denied = Web { answer: secret("Bearer sesame"), ..Web::new() }.call("GET http a.example /").await;
    denied.assert_denied("secrets go over https only");
    denied.assert_nothing_left();
    assert!(
        !format!("{:?} {:?}", denied.finished, Web { answer: secret("sesame"), ..Web::new() }.answer)
            .contains("sesame")
    );
}

#[tokio::test]
async fn a_preview_reaches_nothing() {
    let web = Web::new();
    let server = super::Server::plain().await;
    let (sandbox, internet, doorman) = web.surroundings(&server);
    let request = web.request("GET http a.example /");
    let finished = sandbox.preview(&super::super::shared().1, request, doorman.clone()).await;
    assert_eq!(finished.result.unwrap_err(), CallError::Failed("ErrorCode::HttpRequestDenied".into()));
    assert!(doorman.asked.lock().unwrap().is_empty() && internet.resolved.lock().unwrap().is_empty());
}
