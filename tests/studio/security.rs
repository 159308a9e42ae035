//! Who is let in, and what a client can't reach.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::harness::Bench;

#[test]
fn the_link_gives_a_cookie_and_nothing_else_does() {
    let bench = Bench::new();
    let host = bench.host();
    let answer = bench.raw("GET", &bench.link_path(), &[("host", &host)], b"");
    answer.assert(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with(&bench.cookie()), "{cookie}");
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    for path in [
        "/",
        "/assets/js/main.js",
        "/api/state",
        "/api/events",
        "/api/songs/song.wav",
        "/nowhere",
        "/?token=",
        "/?token=00",
    ] {
        bench.raw("GET", path, &[("host", &host)], b"").assert(401);
        let wrong = format!("visualize_{}=0123", bench.port);
        bench
            .raw("GET", path, &[("host", &host), ("cookie", &wrong)], b"")
            .assert(401);
    }
    bench.get("/").assert(200);
}

#[test]
fn foreign_pages_are_kept_out() {
    let bench = Bench::new();
    let (host, cookie) = (bench.host(), bench.cookie());
    let own = format!("http://{host}");
    let get = |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers);
        bench.raw("GET", "/api/state", &all, b"").status
    };
    assert_eq!(get(&[("host", &host)]), 200);
    assert_eq!(get(&[("host", "evil.example")]), 403);
    assert_eq!(
        get(&[("host", &format!("evil.example:{}", bench.port))]),
        403
    );
    for (site, status) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
        ("x", 403),
    ] {
        assert_eq!(
            get(&[("host", &host), ("sec-fetch-site", site)]),
            status,
            "{site}"
        );
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for origin in [
            "https://evil.example",
            "null",
            "http://127.0.0.1:1",
            &format!("https://{host}"),
        ] {
            let headers = [
                ("host", host.as_str()),
                ("cookie", &cookie),
                ("origin", origin),
            ];
            bench.raw(method, "/api/jobs", &headers, b"{}").assert(403);
        }
        let without = [("host", host.as_str()), ("cookie", &cookie)];
        bench.raw(method, "/api/jobs", &without, b"{}").assert(403);
    }
    let ours = [
        ("host", host.as_str()),
        ("cookie", &cookie),
        ("origin", &own),
    ];
    bench.raw("DELETE", "/api/jobs", &ours, b"").assert(405);
    assert!(
        bench
            .get("/api/state")
            .header("access-control-allow-origin")
            .is_none()
    );
}

#[test]
fn every_answer_has_a_strict_policy() {
    let bench = Bench::new();
    let host = bench.host();
    let stranger = [("host", host.as_str())];
    for answer in [
        bench.get("/"),
        bench.get("/api/state"),
        bench.get("/nowhere"),
        bench.raw("GET", "/", &stranger, b""),
        bench.raw("GET", "/", &[("host", "evil.example")], b""),
    ] {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn no_name_reaches_outside_of_the_folder() {
    let bench = Bench::new();
    let outside = bench.path("..").join("visualize-outside.wav");
    let names = [
        "..",
        "%2e%2e",
        "..%2fvisualize-outside.wav",
        "%2e%2e%2fetc%2fpasswd",
        "..%5cvisualize-outside.wav",
        "%2fetc%2fpasswd",
        "a%2f..%2f..%2fb.wav",
        ".hidden.wav",
        "%00.wav",
        "a%0ab.wav",
        "C:%5ca.wav",
        "nul.wav",
        "%ff.wav",
        "song.wav%00.txt",
    ];
    let before = bench.names();
    for name in names {
        for rest in [
            "",
            "/peaks",
            "/hops",
            "/sound",
            "/plan",
            "/picture?at=0",
            "/work",
            "/command",
        ] {
            let answer = bench.get(&format!("/api/songs/{name}{rest}"));
            assert!(
                [400, 404, 415].contains(&answer.status),
                "{name}{rest}: {}",
                answer.status
            );
        }
        for path in ["/api/films/", "/api/files/", "/assets/"] {
            let answer = bench.get(&format!("{path}{name}"));
            assert!(
                [400, 404].contains(&answer.status),
                "{path}{name}: {}",
                answer.status
            );
        }
        for rest in ["beats", "prompts", "undo", "redo"] {
            let answer = bench.ask(
                "POST",
                &format!("/api/songs/{name}/{rest}"),
                b"{\"base\":\"\",\"edit\":{\"edit\":\"text\",\"text\":\"x\"}}",
            );
            assert!(
                [400, 404, 415].contains(&answer.status),
                "{name}/{rest}: {}",
                answer.status
            );
        }
        let answer = bench.ask("PUT", &format!("/api/songs/{name}"), b"RIFF");
        assert!(
            [400, 404, 415].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
        let answer = bench.ask("PUT", &format!("/api/songs/a.wav?as={name}"), b"RIFF");
        assert!(
            [400, 404, 415].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
        let job = format!(
            "{{\"song\":{:?},\"kind\":\"film\"}}",
            name.replace("%2f", "/").replace("%2e", ".")
        );
        let answer = bench.ask("POST", "/api/jobs", job.as_bytes());
        assert!(
            [400, 404, 415].contains(&answer.status),
            "{job}: {}",
            answer.status
        );
    }
    // Files in the folder that belong to no song aren't handed out either.
    bench.write("secret.txt", "x");
    bench.get("/api/files/secret.txt").assert(404);
    bench.get("/api/films/song.wav").assert(404);
    assert!(!outside.exists());
    let after: Vec<String> = bench
        .names()
        .into_iter()
        .filter(|name| name != "secret.txt")
        .collect();
    let before: Vec<String> = before
        .into_iter()
        .chain(["song.visualize".to_owned()])
        .collect();
    assert!(after.iter().all(|name| before.contains(name)), "{after:?}");
}

#[test]
fn settings_bring_no_file_from_outside() {
    let bench = Bench::new();
    bench.heard();
    let base = bench.hash("settings");
    for settings in [
        r#"{"analysis":{"beats_path":"/etc/passwd"}}"#,
        r#"{"analysis":{"fix_path":"../x.fix.txt"}}"#,
        r#"{"model":"/etc"}"#,
        r#"{"diffusion":{"vae":"../vae"}}"#,
    ] {
        let body = format!("{{\"base\":{base},\"settings\":{settings}}}");
        let answer = bench.ask("PUT", "/api/songs/song.wav/settings", body.as_bytes());
        answer.assert(403);
        assert!(!answer.message().contains("root:"), "{}", answer.message());
    }
}

#[test]
fn a_huge_upload_is_refused_before_it_comes() {
    let bench = Bench::new();
    let length = (10u64 << 30).to_string();
    let answer = bench.ask_with(
        "PUT",
        "/api/songs/huge.wav",
        &[("content-length", &length)],
        b"RIFF",
    );
    answer.assert(413);
    assert!(answer.json()["error"]["hint"].is_string());
    assert!(
        !bench.names().iter().any(|name| name.contains("huge")),
        "{:?}",
        bench.names()
    );
}

#[test]
fn bodies_that_make_no_sense_are_refused() {
    let bench = Bench::new();
    bench.heard();
    let long = format!("{{\"base\":\"{}\"", "x".repeat(1000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"base\":1}",
        "{\"base\":\"a\",\"edit\":{\"edit\":\"fly\"}}",
        &long,
        "\u{feff}{}",
        "{\"base\":\"a\",\"edit\":{\"edit\":\"move_beat\",\"index\":-1,\"secs\":1}}",
    ] {
        for path in [
            "/api/songs/song.wav/beats",
            "/api/songs/song.wav/prompts",
            "/api/jobs",
        ] {
            bench.ask("POST", path, body.as_bytes()).assert(400);
        }
        bench
            .ask("PUT", "/api/songs/song.wav/settings", body.as_bytes())
            .assert(400);
    }
    let deep = "[".repeat(100_000);
    bench.ask("POST", "/api/jobs", deep.as_bytes()).assert(400);
    let huge = vec![b' '; 40 << 20];
    bench.ask("POST", "/api/jobs", &huge).assert(413);
    for path in [
        "/api/songs/song.wav/picture?at=nan",
        "/api/songs/song.wav/picture?at=1e999",
    ] {
        bench.calibrated();
        assert!([400, 422].contains(&bench.get(path).status), "{path}");
    }
    for path in [
        "/api/songs/song.wav/picture",
        "/api/songs/song.wav/picture?at=x",
        "/api/jobs/x/pause",
    ] {
        let answer = if path.contains("jobs") {
            bench.ask("POST", path, b"")
        } else {
            bench.get(path)
        };
        assert!(
            [400, 422].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    bench
        .post("/api/jobs/99/pause", serde_json::json!({}))
        .assert(404);
    // What is no HTTP at all.
    for bytes in [
        &b"\0\0\0\0"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ] {
        let mut stream = TcpStream::connect(bench.host()).unwrap();
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{answer:?}"
        );
    }
    bench.get("/api/state").assert(200);
}

#[test]
fn many_requests_at_once_are_answered() {
    let bench = Bench::new();
    bench.calibrated();
    let paths = [
        "/api/state",
        "/api/songs/song.wav/plan",
        "/api/songs/song.wav/sound",
        "/assets/js/main.js",
        "/api/songs/song.wav/work",
    ];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..200)
            .map(|i| {
                let path = match i % 2 {
                    0 => paths[i / 2 % paths.len()].to_owned(),
                    _ => format!(
                        "/api/songs/song.wav/picture?at={}&slot={i}",
                        i as f64 / 100.0
                    ),
                };
                let bench = &bench;
                scope.spawn(move || (bench.get(&path).status, path))
            })
            .collect();
        for thread in threads {
            let (status, path) = thread.join().unwrap();
            assert_eq!(status, 200, "{path}");
        }
    });
}
