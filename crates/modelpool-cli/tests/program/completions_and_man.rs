use crate::run::Program;

#[test]
fn every_shell_gets_completions_of_every_command() {
    let program = Program::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = program.run(&["completions", shell]).exits(0).stdout;
        assert!(
            script.contains("simulate-upstream") && script.contains("litellm"),
            "{shell}"
        );
        let document = program.run(&["completions", shell, "--json"]).exits(0).document();
        assert_eq!(document["script"], script);
    }
    program.run(&["completions", "tcsh"]).exits(2);
}

#[test]
fn the_manual_is_roff_on_one_page_or_one_per_command() {
    let program = Program::new();
    let page = program.run(&["man"]).exits(0).stdout;
    assert!(
        page.contains(".TH") && page.contains(".SH NAME") && page.contains("Exit codes"),
        "{page}"
    );
    let ended = program.run(&["man", "--folder", "man/man1", "--json"]).exits(0);
    let files = ended.document()["files"].as_array().unwrap().len();
    assert_eq!(
        files, 18,
        "the program, its sixteen commands, and `import litellm`"
    );
    let page = program.file("man/man1/modelpool-select.1");
    assert!(
        page.contains("REQUIREMENTS") && page.contains("Examples"),
        "{page}"
    );
}
