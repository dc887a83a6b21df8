use super::*;

fn text(value: &str) -> Option<Value> {
    Some(Value::Text(value.to_owned()))
}

fn resolve(flags: Layer, env: &[(&str, &str)], file: &str) -> Result<Settings, Failure> {
    let env = Layer::environment(|name| {
        env.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    })?;
    let file = Layer::file(file, Path::new("config.toml"))?;
    Settings::resolve(&[flags, env, file], Some(Path::new("/home/x")))
}

#[track_caller]
fn refused(env: &[(&str, &str)], file: &str) -> String {
    match resolve(Layer::flags(), env, file) {
        Err(failure) => failure.to_string(),
        Ok(_) => panic!("{env:?} {file} is taken"),
    }
}

#[test]
fn defaults() {
    let settings = resolve(Layer::flags(), &[], "").unwrap();
    assert_eq!(settings.data, Path::new("/home/x/.agentpm/data"));
    assert_eq!(settings.socket, Path::new("/home/x/.agentpm/agentpm.sock"));
    assert_eq!(settings.target, Target::Socket("/home/x/.agentpm/agentpm.sock".into()));
    assert_eq!((settings.listen, settings.token, settings.insecure), (None, None, false));
    assert_eq!(settings.log_level, "info");
    assert_eq!((settings.rate_per_connection, settings.rate_per_agent), (Rate::Off, Rate::Off));
    assert_eq!((settings.snapshot_every_events, settings.snapshot_every.as_secs()), (10_000, 86_400));
}

#[test]
fn each_layer_goes_before_the_next() {
    let file = "data = '/file'\nsocket = '/file.sock'\nlog_level = 'warn'\nlisten = '127.0.0.1:1'";
    let env = [("AGENTPM_DB", "/env"), ("AGENTPM_LOG_LEVEL", "debug"), ("AGENTPM_SOCKET", "")];
    let flags = Layer::flags().with("data", text("/flag"));
    let settings = resolve(flags, &env, file).unwrap();
    assert_eq!(settings.data, Path::new("/flag"));
    assert_eq!(settings.log_level, "debug");
    assert_eq!(settings.socket, Path::new("/file.sock"), "an empty variable says nothing");
    assert_eq!(settings.listen.as_deref(), Some("127.0.0.1:1"));
    let of = |name: &str| settings.effective.iter().find(|one| one.setting.name == name).unwrap();
    assert_eq!(of("data").source, Source::Flag);
    assert_eq!(of("log_level").source, Source::Environment);
    assert_eq!(of("socket").source, Source::File("config.toml".into()));
    assert_eq!(
        (of("insecure").value.clone(), &of("insecure").source),
        (Some(Value::Switch(false)), &Source::Default)
    );
    assert_eq!(resolve(Layer::flags(), &env, file).unwrap().data, Path::new("/env"));
}

#[test]
fn every_kind_of_value_comes_from_a_file_and_from_the_environment() {
    let file = "allow_origin = ['https://a.example', 'https://b.example']\ninsecure = true\n\
                snapshot_every_s = 60\nrate_limit_per_agent = '5:9'\nrate_limit_per_connection = 7";
    let env = [
        ("AGENTPM_ALLOW_ORIGIN", "https://a.example,https://b.example"),
        ("AGENTPM_INSECURE", "true"),
        ("AGENTPM_SNAPSHOT_EVERY_S", "60"),
        ("AGENTPM_RATE_LIMIT_PER_AGENT", "5:9"),
        ("AGENTPM_RATE_LIMIT_PER_CONNECTION", "7:7"),
    ];
    for (env, file) in [(&env[..], ""), (&[][..], file)] {
        let settings = resolve(Layer::flags(), env, file).unwrap();
        assert_eq!(settings.allow_origins, ["https://a.example", "https://b.example"]);
        assert!(settings.insecure);
        assert_eq!(settings.snapshot_every.as_secs(), 60);
        assert_eq!(settings.rate_per_agent.to_string(), "5:9");
        assert_eq!(settings.rate_per_connection.to_string(), "7:7");
    }
    // A limit of the file is lifted by the environment.
    let settings = resolve(Layer::flags(), &[("AGENTPM_RATE_LIMIT_PER_AGENT", "off")], file).unwrap();
    assert_eq!(settings.rate_per_agent, Rate::Off);
}

#[test]
fn a_value_that_does_not_hold_is_refused_with_what_would() {
    assert!(
        refused(&[("AGENTPM_SNAPSHOT_EVERY_S", "soon")], "")
            .contains("AGENTPM_SNAPSHOT_EVERY_S: expected a whole number")
    );
    assert!(refused(&[("AGENTPM_INSECURE", "maybe")], "").contains("true or false"));
    assert!(refused(&[], "insecure = 'yes'").contains("insecure: expected true or false, found string"));
    assert!(refused(&[], "snapshot_every_s = 0").contains("from 1 to"));
    assert!(refused(&[], "allow_origin = [1]").contains("list of texts"));
    assert!(refused(&[], "data = 5").contains("config.toml: data: expected text"));
    assert!(refused(&[], "token = 'secret-token'").contains("AGENTPM_TOKEN"));
    assert!(refused(&[], "tls_cert = 'c.pem'").contains("--tls-key"));
    assert!(refused(&[], "tls_key = 'k.pem'").contains("--tls-cert"));
    let unknown = refused(&[], "datta = '/x'");
    assert!(
        unknown.contains("config.toml") && unknown.contains("datta") && unknown.contains("data"),
        "{unknown}"
    );
}

#[test]
fn a_client_goes_where_the_strongest_layer_says() {
    let socket = Layer::flags().with("socket", text("/flag.sock"));
    let env = [("AGENTPM_URL", "http://127.0.0.1:1")];
    assert_eq!(resolve(socket, &env, "").unwrap().target, Target::Socket("/flag.sock".into()));
    let url = resolve(Layer::flags(), &env, "socket = '/file.sock'").unwrap().target;
    assert_eq!(url, Target::Url("http://127.0.0.1:1".to_owned()));
}

#[test]
fn secrets_are_not_among_what_is_shown() {
    let settings = resolve(Layer::flags(), &[("AGENTPM_TOKEN", "secret-token")], "").unwrap();
    assert_eq!(settings.token.as_deref(), Some("secret-token"));
    let env = [("AGENTPM_TOKEN", "x-secret-token"), ("AGENTPM_URL", "http://me:secret-token@h:1/p")];
    let url = resolve(Layer::flags(), &env, "").unwrap();
    let shown = format!("{:?}{:?}", settings.effective, url.effective);
    assert!(shown.contains("http://h:1/p"), "{shown}");
    assert!(!shown.contains("secret-token"), "{shown}");
    let token = settings.effective.iter().find(|one| one.setting.name == "token").unwrap();
    assert_eq!(token.value, text("set"));
}

#[test]
fn a_token_that_is_none_is_refused_by_the_name_it_came_by() {
    let dir = tempfile::tempdir().unwrap();
    let short = dir.path().join("short");
    std::fs::write(&short, "short\n").unwrap();
    let short = short.to_str().unwrap();
    let why = |flags: Layer, env: &[(&str, &str)]| resolve(flags, env, "").err().unwrap().to_string();
    let flag = |name, value| Layer::flags().with(name, text(value));
    for (told, source) in [
        (why(flag("sync_token", "short"), &[]), "--sync-token"),
        (why(Layer::flags(), &[("AGENTPM_SYNC_TOKEN", "short")]), "AGENTPM_SYNC_TOKEN"),
        (why(Layer::flags(), &[("AGENTPM_TOKEN", "short")]), "AGENTPM_TOKEN"),
        (why(flag("sync_token_file", short), &[]), short),
        (why(flag("token_file", short), &[("AGENTPM_TOKEN", "long-enough")]), short),
    ] {
        assert!(told.contains(&format!("{source}: a token has at least 8 characters")), "{told}");
    }
}

#[test]
fn beyond_loopback_needs_a_token_and_consent() {
    let listen = |address: &str, token: &str, insecure: bool, tls: bool| {
        let tls = tls.then(|| Value::Text("x.pem".to_owned()));
        let flags = Layer::flags()
            .with("listen", text(address))
            .with("insecure", Some(Value::Switch(insecure)))
            .with("tls_cert", tls.clone())
            .with("tls_key", tls);
        let settings = resolve(flags, &[("AGENTPM_TOKEN", token)], "").unwrap();
        settings.listen_address().map_err(|failure| failure.to_string())
    };
    assert!(listen("127.0.0.1:0", "", false, false).is_ok());
    assert!(listen("[::1]:0", "", false, false).is_ok());
    assert!(listen("0.0.0.0:0", "", true, false).unwrap_err().contains("token"));
    assert!(
        listen("0.0.0.0:0", "", false, true).unwrap_err().contains("token"),
        "TLS says who serves, not who asks"
    );
    assert!(listen("0.0.0.0:0", "secret-token", false, false).unwrap_err().contains("--tls-cert"));
    assert!(listen("0.0.0.0:0", "secret-token", true, false).is_ok());
    assert!(listen("0.0.0.0:0", "secret-token", false, true).is_ok());
    assert!(listen("nowhere", "", false, false).unwrap_err().contains("ADDRESS:PORT"));
}
