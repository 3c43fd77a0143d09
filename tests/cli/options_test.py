"""Options, policies and completions. Run by ctest, one class a topic."""

import os
import subprocess
import unittest

from harness import BENIGN, EVIL, UNKNOWN_CLASS, CliTest


class OptionsTest(CliTest):
    """Every other option does what it says."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        self.write("clean.pkl", BENIGN)

    def test_list_scanners(self):
        text = self.run_cli("--list-scanners")
        self.assertEqual(text.status, 0)
        self.assertIn("pickle", text.text)
        listed = self.run_cli("--list-scanners", "-f", "json").json["scanners"]
        self.assertIn("pickle", [s["id"] for s in listed])
        for scanner in listed:
            self.assertEqual({"id", "version", "description", "extensions"}, set(scanner))

    def test_scanners_are_chosen(self):
        self.assertEqual(self.run_cli("--scanners", "pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--scanners", "executable", "evil.pkl").status, 2)
        self.assertEqual(self.run_cli("--scanners", "executable,pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--scanners", "executable", "--scanners", "pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--exclude-scanner", "pickle", "evil.pkl").status, 2)

    def test_max_size(self):
        self.assertEqual(self.run_cli("--max-size", str(len(EVIL)), "evil.pkl").status, 1)
        done = self.run_cli("-f", "json", "--max-size", str(len(EVIL) - 1), "evil.pkl")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["files"][0]["coverage"]["gaps"][0]["kind"], "limit")
        for size in ("10GB", "1.5TB", "500 mb", "1KiB", "4096", "2K"):
            self.assertEqual(self.run_cli("--max-size", size, "clean.pkl").status, 0, size)
        for size in ("", "0", "-1", "GB", "1.5XB", "1e3", "nan", "inf", "99999999TB"):
            self.assertEqual(self.run_cli("--max-size=" + size, "clean.pkl").status, 2, size)

    def test_dry_run_never_scans(self):
        self.write("m/evil.pkl", EVIL)
        done = self.run_cli("--dry-run", "m")
        self.assertEqual(done.status, 0)
        self.assertIn("m/evil.pkl", done.text)
        self.assertIn("nothing was scanned", done.text)
        plan = self.run_cli("--dry-run", "-f", "json", "m").json
        self.assertEqual(plan["dry_run"], True)
        self.assertEqual(plan["previews"], [{"path": "m/evil.pkl", "size": len(EVIL), "too_large": False}])
        before = os.stat(self.path("m", "evil.pkl")).st_atime_ns
        self.run_cli("--dry-run", "m")
        self.assertEqual(os.stat(self.path("m", "evil.pkl")).st_atime_ns, before)

    def test_timeout_is_accepted(self):
        self.assertEqual(self.run_cli("--timeout", "60", "clean.pkl").status, 0)
        self.assertEqual(self.run_cli("-t", "0.5", "clean.pkl").status, 0)

    def test_deep_and_strict_judge_the_same_file_the_same(self):
        self.assertEqual(self.run_cli("--deep", "--strict", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--deep", "--strict", "clean.pkl").status, 0)

    def test_rules(self):
        table = self.run_cli("rules").text
        self.assertEqual(table.splitlines()[0].split(), ["Code", "Severity", "Rule", "Name"])
        listed = self.run_cli("rules", "--list", "--format", "json").json
        self.assertGreater(len(listed), 10)
        first = listed[0]
        one = self.run_cli("rules", first["id"].upper(), "--format", "json").json
        self.assertEqual(one, first)
        self.assertIn("What to do:", self.run_cli("rules", first["id"]).text)
        in_range = self.run_cli("rules", "--category", "200-299", "--format", "json").json
        self.assertTrue(in_range)
        for rule in in_range:
            self.assertTrue(200 <= int(rule["code"][1:]) <= 299)
        family = self.run_cli("rules", "--category", "pickle", "--format", "json").json
        self.assertTrue(all(rule["id"].startswith("pickle-") for rule in family))
        self.assertTrue(self.run_cli("rules", "--format", "markdown").text.startswith("# Rules"))
        self.assertIn("not found", self.run_cli("rules", "S777").err)

    def test_doctor(self):
        facts = self.run_cli("doctor", "--format", "json").json
        self.assertEqual(facts["scanners"]["total"], len(facts["scanners"]["available"]))
        self.assertIn("compiler", facts["build"])
        self.assertIn("Scanners:", self.run_cli("doctor").text)

    def test_version(self):
        self.assertRegex(self.run_cli("--version").text, r"^modelaudit \d+\.\d+\.\d+\n$")


class PolicyTest(CliTest):
    """Suppressions, severities, allowed names, the policy file."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        self.write("custom.pkl", UNKNOWN_CLASS)

    def rules_of(self, name):
        return {issue["rule"] for issue in self.run_cli("-f", "json", name).json["issues"]}

    def test_a_suppressed_finding_leaves_a_trace(self):
        words = [word for rule in self.rules_of("evil.pkl") for word in ("--suppress", rule)]
        done = self.run_cli("-f", "json", *words, "evil.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["issues"], [])
        self.assertTrue(done.json["suppressed"])
        self.assertTrue(all(s["suppressed"]["by"].startswith("suppress: ") for s in done.json["suppressed"]))
        self.assertIn("suppressed", self.run_cli(*words, "evil.pkl").text)

    def test_a_severity_is_overridden(self):
        words = [word for rule in self.rules_of("evil.pkl") for word in ("-S", rule + "=LOW")]
        done = self.run_cli("-f", "json", *words, "evil.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual({issue["severity"] for issue in done.json["issues"]}, {"info"})

    def test_an_allowed_name_clears_what_rested_on_it(self):
        self.assertEqual(self.run_cli("custom.pkl").status, 1)
        for name in ("my_package.layers.Attention", "my_package.layers.*", "my_package.*"):
            self.assertEqual(self.run_cli("--allow", name, "custom.pkl").status, 0, name)
        self.assertEqual(self.run_cli("--allow", "my_package.layers.Other", "custom.pkl").status, 1)

    def test_a_dangerous_name_cannot_be_allowed(self):
        self.assertEqual(self.run_cli("--allow", "posix.*", "--allow", "posix.system", "evil.pkl").status, 1)

    def test_policy_changes_nothing_in_the_cache(self):
        self.assertEqual(self.run_cli("--allow", "my_package.*", "custom.pkl").status, 0)
        self.assertEqual(self.run_cli("custom.pkl").status, 1)
        self.assertEqual(self.run_cli("--allow", "my_package.*", "custom.pkl").status, 0)

    def test_the_policy_file(self):
        self.write("policy.toml", b'allow = ["my_package.*"]\n')
        self.assertEqual(self.run_cli("--config", "policy.toml", "custom.pkl").status, 0)
        self.assertEqual(self.run_cli("custom.pkl", MODELAUDIT_CONFIG="policy.toml").status, 0)
        self.assertEqual(self.run_cli("custom.pkl").status, 1)

    def test_no_policy_is_read_from_the_scanned_folder(self):
        self.write("m/custom.pkl", UNKNOWN_CLASS)
        self.write("m/.modelaudit.toml", b'allow = ["my_package.*"]\n')
        self.write("m/pyproject.toml", b'[tool.modelaudit]\nallow = ["my_package.*"]\n')
        self.assertEqual(self.run_cli("m").status, 1)

    def test_a_bad_policy_file_names_its_line(self):
        self.write("policy.toml", b'\nsupress = ["S201"]\n')
        done = self.run_cli("--config", "policy.toml", "custom.pkl")
        self.assertEqual(done.status, 2)
        self.assertIn("policy.toml:2:", done.err)


class CompletionTest(CliTest):
    """The shells' completions."""

    def test_each_shell_gets_a_script_that_it_can_read(self):
        for shell in ("bash", "zsh", "fish"):
            with self.subTest(shell=shell):
                script = self.run_cli("completion", shell)
                self.assertEqual(script.status, 0)
                for word in ("scan", "cache", "rules", "doctor", "exclude-scanner", "deterministic"):
                    self.assertIn(word, script.text)
                try:
                    checked = subprocess.run([shell, "-n"], input=script.out, capture_output=True, check=False)
                except FileNotFoundError:
                    continue  # not installed here
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def completed(self, *words):
        """What bash would offer for the last word."""
        script = self.run_cli("completion", "bash").text
        script += "\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_modelaudit\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n" % (
            " ".join("'%s'" % word for word in words), len(words) - 1)
        return subprocess.run(["bash", "-c", script], cwd=self.dir, capture_output=True, check=True).stdout.decode().split()

    def test_bash_completes_commands_options_values_and_files(self):
        self.write("model.pt", b"x")
        self.assertEqual(self.completed("modelaudit", "ru"), ["rules"])
        self.assertEqual(self.completed("modelaudit", "mod"), ["model.pt"])
        self.assertEqual(self.completed("modelaudit", "scan", "--for"), ["--format"])
        self.assertEqual(self.completed("modelaudit", "model.pt", "--for"), ["--format"])
        self.assertEqual(self.completed("modelaudit", "scan", "--format", "j"), ["json"])
        self.assertIn("pickle", self.completed("modelaudit", "scan", "--scanners", "pick"))
        self.assertEqual(self.completed("modelaudit", "completion", "f"), ["fish"])


if __name__ == "__main__":
    unittest.main()
