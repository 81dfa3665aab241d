//! The workflows of the hosting site run the steps of `.ci/run`: all of them exist, and none is left out
//! without a reason.

use std::collections::BTreeSet;
use std::fs;

use yaml_rust2::{Yaml, YamlLoader};

/// The workflow that runs all steps, and the beginning of the comments with its exceptions.
const FULL: &str = "full.yml";
const LEFT_OUT: &str = "# left out: ";

#[test]
fn the_workflows_run_the_steps_of_ci_run() {
    let list = crate::output(std::process::Command::new(".ci/run").arg("--list")).unwrap();
    let list = String::from_utf8(list).unwrap();
    let known: BTreeSet<&str> = list.lines().collect();
    let mut faults = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(crate::root().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let found = self::faults(&text, &known, name == FULL);
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
        count += 1;
    }
    assert_eq!(count, 2);
    assert!(faults.is_empty(), "workflows:\n  {}", faults.join("\n  "));
}

/// The other files that the hosting site reads are YAML too.
#[test]
fn the_templates_of_issues_can_be_read() {
    for entry in fs::read_dir(crate::root().join(".github/ISSUE_TEMPLATE")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let document = YamlLoader::load_from_str(&text).unwrap();
        assert_eq!(document.len(), 1, "{}", path.display());
    }
}

fn faults(text: &str, known: &BTreeSet<&str>, is_full: bool) -> Vec<String> {
    let documents = match YamlLoader::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => return vec![error.to_string()],
    };
    let mut faults = Vec::new();
    let mut steps = BTreeSet::new();
    for job in documents.iter().filter_map(|document| document["jobs"].as_hash()).flatten() {
        let (name, job) = (job.0.as_str().unwrap_or_default(), job.1);
        if job["runs-on"].as_str().is_none() || job["timeout-minutes"].as_i64().is_none() {
            faults.push(format!("the job {name} has no runs-on or no timeout-minutes"));
        }
        let groups = job["strategy"]["matrix"]["steps"].as_vec().into_iter().flatten();
        let groups: Vec<&str> = groups.filter_map(Yaml::as_str).collect();
        steps.extend(groups.iter().flat_map(|group| group.split(' ')).map(str::to_owned));
        let commands = job["steps"].as_vec().into_iter().flatten();
        let commands: Vec<&str> = commands.filter_map(|step| step["run"].as_str()).collect();
        if groups.is_empty() || commands != [".ci/run ${{ matrix.steps }}"] {
            faults.push(format!("the job {name} does not run the groups of its matrix"));
        }
    }
    let left_out: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(LEFT_OUT)?.split_once(", because "))
        .flat_map(|(names, _)| names.split(' ').map(str::to_owned))
        .collect();
    let named = steps.iter().chain(&left_out).filter(|step| !known.contains(step.as_str()));
    faults.extend(named.map(|step| format!(".ci/run has no step {step}")));
    if is_full {
        let missing =
            known.iter().filter(|step| !steps.contains(**step) && !left_out.contains(**step));
        faults.extend(missing.map(|step| format!("the step {step} is not run")));
    }
    let both = steps.intersection(&left_out).map(|step| format!("{step} is run, and left out"));
    faults.extend(both);
    faults
}

#[test]
fn a_step_that_is_missing_or_unknown_is_found() {
    let known = BTreeSet::from(["test", "fmt", "slow"]);
    let workflow = "# left out: slow, because it takes a day\njobs:\n  all:\n    runs-on: x\n    \
                    timeout-minutes: 9\n    strategy:\n      matrix:\n        steps:\n          \
                    - test\n          - fmt\n    steps:\n      - run: .ci/run ${{ matrix.steps }}\n";
    let found = |from: &str, to: &str| faults(&workflow.replace(from, to), &known, true);
    assert_eq!(found("", ""), [""; 0]);
    assert_eq!(found("- test\n", "- test fmt\n"), [""; 0]);
    assert_eq!(found("- fmt", "- test"), ["the step fmt is not run"]);
    assert_eq!(found("- fmt", "- fmt more"), [".ci/run has no step more"]);
    assert_eq!(found(", because", ""), ["the step slow is not run"]);
    assert_eq!(found("- fmt", "- fmt slow"), ["slow is run, and left out"]);
    assert_eq!(found("/run $", "/all $"), ["the job all does not run the groups of its matrix"]);
    assert_eq!(found("    timeout-minutes: 9\n", "").len(), 1);
    assert_eq!(found("jobs:", "jobs: [").len(), 1);
    assert_eq!(faults("jobs: {}", &known, false), [""; 0]);
}
