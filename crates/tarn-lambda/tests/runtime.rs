//! The loop in a real process, under a Runtime API on loopback.

use anyhow::Result;
use serde_json::json;
use tarn_testkit::{Reply, RuntimeApi, program};

fn echo(settings: &[(&str, &str)]) -> Result<RuntimeApi> {
    RuntimeApi::start_program(&program("examples/echo")?, settings)
}

#[test]
fn bytes_go_through_as_they_came() -> Result<()> {
    let mut function = echo(&[("ECHO", "1")])?;
    for event in [b"{\"a\": 1.0e400 }".to_vec(), b"\xff\x00no json".to_vec(), Vec::new(), vec![b'x'; 6_000_000]] {
        assert_eq!(function.invoke(event.clone())?, Reply::Response(event));
    }
    let closing = function.closing()?;
    assert_eq!(
        (&closing["BytesIn"], &closing["BytesOut"], &closing["Records"]),
        (&json!(6_000_000), &json!(6_000_000), &json!(1))
    );
    assert_eq!(closing["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Tarn");
    Ok(())
}

#[test]
fn errors_are_answers_and_the_next_event_works() -> Result<()> {
    let mut function = echo(&[("ECHO", "1")])?;
    for _ in 0..2 {
        assert_eq!(function.invoke("retryable")?.error(), ("Tarn.Retryable".into(), "the bucket is busy".into()));
        assert_eq!(function.invoke("permanent")?.error(), ("Tarn.Permanent".into(), "no such thing".into()));
        assert_eq!(function.closing()?["errorType"], "Tarn.Permanent");
        assert_eq!(function.invoke("{}")?.response(), b"{}");
        assert_eq!(function.closing()?["Failures"], 0);
    }
    Ok(())
}

#[test]
fn a_panic_is_an_answer_and_ends_the_process() -> Result<()> {
    // Of the thread that answers, and of one beside it.
    for event in ["panic", "panic beside"] {
        let mut function = echo(&[("ECHO", "1")])?;
        function.invoke("{}")?;
        let (error_type, message) = function.invoke(event)?.error();
        assert_eq!(
            (error_type.as_str(), message.as_str()),
            ("Tarn.Panic", "the function panicked: as it was asked to")
        );
        assert_eq!(function.exit_code()?, Some(101));
        let closing = function.closing()?;
        assert_eq!((&closing["errorType"], &closing["Failures"]), (&json!("Tarn.Panic"), &json!(1)));
        let line = function.log().into_iter().find(|line| line["message"] == "a panic ends the process");
        let line = line.unwrap_or_default();
        assert!(line["place"].as_str().unwrap_or_default().contains("echo.rs"), "{line}");
        assert_eq!(line["requestId"], "request-2");
    }
    let unable = echo(&[("ECHO", "panic")]).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(unable.contains("Tarn.Panic") && unable.contains("as it was asked to"), "{unable}");
    Ok(())
}

#[test]
fn lines_carry_the_invocations_id() -> Result<()> {
    let mut function = echo(&[("ECHO", "1"), ("AWS_LAMBDA_LOG_LEVEL", "INFO")])?;
    function.invoke("log")?;
    function.closing()?;
    let line = function.log().into_iter().find(|line| line["message"] == "asked to log").unwrap_or_default();
    assert_eq!(
        (&line["requestId"], &line["answer"], &line["level"]),
        (&json!("request-1"), &json!(42), &json!("INFO"))
    );
    let mut quiet = echo(&[("ECHO", "1"), ("AWS_LAMBDA_LOG_LEVEL", "ERROR")])?;
    quiet.invoke("log")?;
    quiet.closing()?;
    assert!(quiet.log().iter().all(|line| line["message"] != "asked to log"));
    Ok(())
}

#[test]
fn a_handler_knows_how_long_it_has() -> Result<()> {
    let mut function = echo(&[("ECHO", "1")])?;
    let seconds: u64 = String::from_utf8(function.invoke("remaining")?.response())?.parse()?;
    assert!((60..=90).contains(&seconds), "{seconds}");
    Ok(())
}

#[test]
fn a_function_without_its_settings_does_not_start() {
    let error = echo(&[]).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`ECHO` is not set: anything"), "{error}");
}
