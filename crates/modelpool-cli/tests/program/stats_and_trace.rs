//! Asking a running gateway: how its models perform, and what became of a request.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::run::{Program, Running};

const ADMIN_KEY: &str = "admin-key-of-this-test";

/// A gateway whose model `a` fails and whose model `b` answers.
struct House {
    program: Program,
    _upstreams: [Running; 2],
    gateway: Running,
    url: String,
}

impl House {
    fn new() -> House {
        let program = Program::new();
        let failing = r#"{"times": 100, "fault": {"kind": "status", "status": 401}}"#;
        let mut upstreams = [
            program.start(&["simulate-upstream", "--json", "--fault", failing]),
            program.start(&["simulate-upstream", "--json"]),
        ];
        let models: Vec<String> = ["a", "b"]
            .iter()
            .zip(&mut upstreams)
            .zip([0.001, 0.002])
            .map(|((alias, upstream), cost)| {
                let base_url = upstream.document()["base_url"].as_str().unwrap().to_owned();
                format!(
                    "- {{alias: {alias}, provider: openai_compatible, base_url: '{base_url}', model_name: m, \
                     capabilities: {{cost_per_1k_tokens: {cost}}}}}\n"
                )
            })
            .collect();
        let configuration = format!(
            "admin_key: ${{MODELPOOL_ADMIN_KEY}}\nmodels:\n{}",
            models.concat()
        );
        let program = program
            .with_file("modelpool.yaml", configuration)
            .with_variable("MODELPOOL_ADMIN_KEY", ADMIN_KEY);
        let mut gateway = program.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let url = gateway.document()["url"].as_str().unwrap().to_owned();
        House {
            program,
            _upstreams: upstreams,
            gateway,
            url,
        }
    }

    fn chat(&self, id: &str) {
        let mut connection = TcpStream::connect(self.url.replace("http://", "")).unwrap();
        let body = r#"{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}"#;
        let length = body.len();
        write!(
            connection,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: {id}\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn statistics_and_the_trace_of_a_failover_are_told() {
    let house = House::new();
    house.chat("id/of?mine");
    let ask = |arguments: &[&str]| {
        let arguments = [arguments, &["--url", &house.url]].concat();
        house.program.run(&arguments)
    };

    let document = ask(&["stats", "--json"]).exits(0).document();
    assert_eq!(document["models"]["a"]["ever"]["failures"]["auth"], 1);
    assert_eq!(document["models"]["b"]["success_rate"], 1.0);
    let table = ask(&["stats", "--period", "hour"]).exits(0).stdout;
    let row = |first: &str| {
        let row = table
            .lines()
            .find(|line| line.split_whitespace().next() == Some(first));
        row.unwrap_or_else(|| panic!("{table}")).to_owned()
    };
    assert!(
        row("a").ends_with("auth 1") && row("a").contains("0.0 %"),
        "{table}"
    );
    assert!(row("b").contains("100.0 %"), "{table}");
    let one = ask(&["stats", "b"]).exits(0).stdout;
    assert!(one.contains("last minute") && one.contains("last hour"), "{one}");
    let unknown = ask(&["stats", "c", "--json"]).exits(1).document();
    assert_eq!(unknown["error"]["status"], 404);

    let trace = ask(&["trace", "id/of?mine", "--json"]).exits(0).document();
    assert_eq!(trace["ending"], "completed");
    let tried: Vec<_> = trace["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["alias"].as_str().unwrap())
        .collect();
    assert_eq!(tried, ["a", "b"]);
    let text = ask(&["trace", "id/of?mine"]).exits(0).stdout;
    assert!(text.starts_with("id/of?mine  completed after "), "{text}");
    assert!(
        text.contains("auth, status 401") && text.contains("answered"),
        "{text}"
    );
    let unknown = ask(&["trace", "nothing"]).exits(1);
    assert!(unknown.stderr.contains("no request `nothing`"), "{unknown:?}");
    assert!(!format!("{document}{trace}{text}").contains(ADMIN_KEY));
    assert_eq!(house.gateway.stop(), 0);
}

#[test]
fn without_the_key_or_without_a_gateway_they_fail_and_say_what_to_do() {
    let house = House::new();
    let stranger = Program::new();
    let refused = stranger.run(&["stats", "--url", &house.url]).exits(1);
    assert!(refused.stderr.contains("$MODELPOOL_ADMIN_KEY"), "{refused:?}");
    let wrong = stranger.with_variable("MODELPOOL_ADMIN_KEY", "wrong");
    let refused = wrong.run(&["trace", "x", "--url", &house.url, "--json"]).exits(1);
    assert_eq!(refused.document()["error"]["status"], 401);
    assert_eq!(house.gateway.stop(), 0);
    let gone = wrong.run(&["stats", "--url", &house.url]).exits(1);
    assert!(gone.stderr.contains("modelpool serve"), "{gone:?}");
}
