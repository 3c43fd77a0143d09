"""What is scanned, what cannot be, and the exit status. Run by ctest, one class a topic."""

import os
import socket
import subprocess
import unittest

from harness import BENIGN, EVIL, PROGRAM, CliTest, archive_of


class ScanTest(CliTest):
    """What is scanned."""

    def test_scan_is_the_default_command(self):
        self.write("evil.pkl", EVIL)
        named = self.run_cli("scan", "--deterministic", "evil.pkl")
        default = self.run_cli("evil.pkl", "--deterministic")
        options_first = self.run_cli("--deterministic", "evil.pkl")
        self.assertEqual(named.status, 1)
        self.assertEqual(named.out, default.out)
        self.assertEqual(named.out, options_first.out)

    def test_a_file_that_is_named_like_a_command_is_reached_by_its_path(self):
        self.write("rules", EVIL)
        self.assertEqual(self.run_cli("rules").status, 0)
        self.assertEqual(self.run_cli("./rules").status, 1)
        self.assertEqual(self.run_cli("scan", "rules").status, 1)

    def test_several_paths_are_one_report_and_twins_are_scanned_once(self):
        self.write("a.pkl", BENIGN)
        self.write("b.pkl", BENIGN)
        done = self.run_cli("-f", "json", "a.pkl", "b.pkl", "a.pkl", "./a.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual([f["path"] for f in done.json["files"]], ["a.pkl", "b.pkl"])

    def test_a_missing_shard_makes_the_report_inconclusive(self):
        for number in (1, 3):
            self.write(f"m/model-0000{number}-of-00003.bin", BENIGN)
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 2)
        [family] = done.json["families"]
        self.assertEqual(family["path"], "m/model-*-of-00003.bin")
        self.assertEqual(family["missing"], ["model-00002-of-00003.bin"])
        self.assertEqual([f["verdict"] for f in done.json["files"]], ["clean", "clean"])
        self.assertIn("1 of 3 shards is not there: model-00002-of-00003.bin", self.run_cli("m").text)
        self.write("m/model-00002-of-00003.bin", BENIGN)
        self.assertEqual(self.run_cli("m").status, 0)
        self.assertEqual(self.run_cli("m/model-00001-of-00003.bin").status, 0)
        os.remove(os.path.join(self.dir, "m/model-00003-of-00003.bin"))
        self.assertEqual(self.run_cli("m/model-00001-of-00003.bin").status, 2)
        self.write("m/model-00003-of-00003.bin", EVIL)
        self.assertEqual(self.run_cli("m").status, 1)

    def test_shards_in_several_folders_are_one_model_when_that_is_said(self):
        paths = [f"disk{number}/model-0000{number}-of-00002.bin" for number in (1, 2)]
        for path in paths:
            self.write(path, BENIGN)
            os.chmod(os.path.join(self.dir, os.path.dirname(path)), 0o700)
        self.assertEqual(self.run_cli(*paths).status, 2)
        done = self.run_cli("-f", "json", "--assume-shard-family", *paths)
        self.assertEqual(done.status, 0)
        self.assertEqual([f["path"] for f in done.json["families"]], ["model-*-of-00002.bin"])

    def test_folders_are_walked_hidden_files_too(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/.hidden/evil.pkl", EVIL)
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 1)
        self.assertEqual([f["path"] for f in done.json["files"]], ["m/.hidden/evil.pkl", "m/a.pkl"])

    def test_patterns_that_the_shell_left_alone(self):
        self.write("m/x/evil.pkl", EVIL)
        self.write("m/a.pkl", BENIGN)
        self.write("m/.b.pkl", BENIGN)

        def paths(pattern):
            return [f["path"] for f in self.run_cli("-f", "json", pattern).json["files"]]

        self.assertEqual(paths("m/*.pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/**/*.pkl"), ["m/a.pkl", "m/x/evil.pkl"])
        self.assertEqual(paths("*/?.pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/[ab].pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/**"), ["m/a.pkl", "m/x/evil.pkl"])

    def test_a_name_with_a_star_is_a_name_when_it_exists(self):
        self.write("a*.pkl", EVIL)
        self.write("ab.pkl", BENIGN)
        done = self.run_cli("-f", "json", "a*.pkl")
        self.assertEqual([f["path"] for f in done.json["files"]], ["a*.pkl"])

    def test_a_member_of_an_archive_is_named(self):
        self.write("m.zip", archive_of({"inner/evil.pkl": EVIL}))
        done = self.run_cli("-f", "json", "m.zip")
        self.assertEqual(done.status, 1)
        self.assertIn(["inner/evil.pkl"], [i["where"]["member_path"][:1] for i in done.json["issues"]])


class BadInputTest(CliTest):
    """One clear line each, nothing hangs, a finding is still reported."""

    def one_error(self, path, code):
        done = self.run_cli("-f", "json", path)
        self.assertEqual(done.status, 2, path)
        self.assertEqual([e["path"] for e in done.json["errors"]], [path])
        self.assertEqual(done.json["errors"][0]["code"], code)
        self.assertTrue(done.json["has_errors"])
        self.assertEqual(done.json["verdict"], "inconclusive")
        text = self.run_cli(path)
        self.assertEqual(text.status, 2)
        self.assertEqual(len([line for line in text.text.splitlines() if line.startswith("NOT SCANNED")]), 1)
        self.assertEqual(text.err, "")

    def test_missing_path(self):
        self.one_error("gone.pkl", "not_found")

    def test_missing_folder_in_the_path(self):
        self.one_error("gone/x.pkl", "not_found")

    def test_fifo(self):
        os.mkfifo(self.path("pipe"))
        self.one_error("pipe", "unsupported")

    def test_device(self):
        self.one_error("/dev/null", "unsupported")

    def test_socket(self):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.path("sock"))
        self.one_error("sock", "unsupported")

    def test_broken_link(self):
        os.symlink("gone", self.path("link"))
        self.one_error("link", "not_found")

    def test_link_to_itself(self):
        os.symlink("loop", self.path("loop"))
        done = self.run_cli("-f", "json", "loop")
        self.assertEqual(done.status, 2)
        self.assertEqual(len(done.json["errors"]), 1)

    def test_remote_source(self):
        self.one_error("hf://org/model", "unsupported")

    def test_pattern_without_match(self):
        self.one_error("*.gone", "not_found")

    def test_unreadable_file(self):
        self.as_nobody()
        self.write("secret.pkl", BENIGN)
        os.chmod(self.path("secret.pkl"), 0)
        done = self.run_cli("-f", "json", "secret.pkl")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["verdict"], "inconclusive")
        self.assertIn("secret.pkl", self.run_cli("secret.pkl").text)

    def test_folder_without_permission(self):
        self.as_nobody()
        self.write("locked/a.pkl", BENIGN)
        os.chmod(self.path("locked"), 0)
        done = self.run_cli("-f", "json", "locked")
        self.assertEqual(done.status, 2)
        self.assertEqual([e["path"] for e in done.json["errors"]], ["locked"])

    def as_nobody(self):
        """Root may read everything: the program then runs as an ordinary user."""
        if os.geteuid() != 0:
            return
        for folder in (self.root, self.home, self.dir):
            os.chmod(folder, 0o777)
        probe = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "--version"],
                               env=self.environment(), capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("an ordinary user cannot run the program from where it was built")
        self.command = lambda *words: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, *words]

    def test_empty_file(self):
        for name in ("empty.pkl", "empty.bin", "empty"):
            self.write(name, b"")
            done = self.run_cli("-f", "json", name)
            self.assertEqual(done.status, 2, name)
            self.assertEqual(done.json["verdict"], "inconclusive")
            self.assertFalse(done.json["complete"])

    def test_unknown_type_that_was_named_is_not_clean(self):
        self.write("notes.xyz", b"just some words\n")
        done = self.run_cli("-f", "json", "notes.xyz")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["verdict"], "inconclusive")

    def test_unknown_type_in_a_folder_is_listed_and_changes_nothing(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/notes.xyz", b"just some words\n")
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["unknown_files"], ["m/notes.xyz"])
        self.assertEqual(self.run_cli("--strict", "m").status, 2)

    def test_empty_model_in_a_folder_is_inconclusive(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/empty.pkl", b"")
        self.assertEqual(self.run_cli("m").status, 2)

    def test_empty_folder(self):
        os.mkdir(self.path("m"))
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 2)
        self.assertFalse(done.json["success"])

    def everything_bad(self):
        self.write("m/empty.pkl", b"")
        self.write("m/notes.xyz", b"just some words\n")
        self.write("m/cut.pkl", BENIGN[:-5])
        os.mkfifo(self.path("m", "pipe"))
        os.symlink("gone", self.path("m", "broken"))
        os.symlink(".", self.path("m", "loop"))
        os.symlink("/dev/zero", self.path("m", "zero"))
        self.write("m/locked/a.pkl", BENIGN)
        os.chmod(self.path("m", "locked"), 0)

    def test_a_folder_with_all_of_these_and_one_malicious_file(self):
        self.everything_bad()
        self.assertEqual(self.run_cli("m").status, 2)
        self.write("m/z/evil.pkl", EVIL)
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.json["verdict"], "malicious")
        self.assertFalse(done.json["complete"])
        self.assertFalse(done.json["success"])
        self.assertIn("m/z/evil.pkl", [i["where"]["path"] for i in done.json["issues"]])
        failed = {e["path"] for e in done.json["errors"]}
        self.assertLessEqual({"m/pipe", "m/broken", "m/zero"}, failed)

    def test_every_cut_of_a_malicious_file_ends(self):
        for length in range(len(EVIL)):
            self.write("cut.pkl", EVIL[:length])
            self.assertIn(self.run_cli("cut.pkl").status, (1, 2), length)


class ExitStatusTest(CliTest):
    """The table of the documentation."""

    def test_table(self):
        self.write("clean.pkl", BENIGN)
        self.write("evil.pkl", EVIL)
        self.write("cut.pkl", BENIGN[:-3])
        self.write("note.xyz", b"words")
        self.write("empty.pkl", b"")
        os.mkdir(self.path("nothing"))
        self.write("tree/evil.pkl", EVIL)
        os.symlink("gone", self.path("tree", "broken"))
        table = [
            (["clean.pkl"], 0),
            (["evil.pkl"], 1),
            (["cut.pkl"], 2),
            (["gone.pkl"], 2),
            (["nothing"], 2),
            (["*.gone"], 2),
            (["note.xyz"], 2),
            (["empty.pkl"], 2),
            (["--max-size", "10", "clean.pkl"], 2),
            (["tree"], 1),
            (["clean.pkl", "gone.pkl"], 2),
            (["evil.pkl", "gone.pkl"], 1),
            (["--dry-run", "evil.pkl"], 0),
            (["--dry-run", "gone.pkl"], 2),
            (["--suppress", "S100-S1111", "clean.pkl"], 0),
            (["--list-scanners"], 0),
            (["--nonsense"], 2),
            (["--format", "yaml", "clean.pkl"], 2),
            (["--scanners", "nonsense", "clean.pkl"], 2),
            (["--exclude-scanner", "nonsense", "clean.pkl"], 2),
            (["--suppress", "S777", "clean.pkl"], 2),
            (["--severity", "S201=loud", "clean.pkl"], 2),
            (["--severity", "S201", "clean.pkl"], 2),
            (["--allow", "*", "clean.pkl"], 2),
            (["--max-size", "ten", "clean.pkl"], 2),
            (["--timeout", "0", "clean.pkl"], 2),
            (["--config", "gone.toml", "clean.pkl"], 2),
            (["--quiet", "--verbose", "clean.pkl"], 2),
            (["--output", "gone/report", "clean.pkl"], 2),
            (["scan"], 2),
            ([], 2),
            (["--help"], 0),
            (["--version"], 0),
            (["scan", "--help"], 0),
            (["rules"], 0),
            (["rules", "S777"], 1),
            (["rules", "--category", "1-2"], 2),
            (["doctor"], 0),
            (["completion", "tcsh"], 2),
        ]
        for words, status in table:
            with self.subTest(words=words):
                self.assertEqual(self.run_cli(*words).status, status)

    def test_standard_error_is_empty_on_success(self):
        self.write("clean.pkl", BENIGN)
        self.write("evil.pkl", EVIL)
        for words in (["clean.pkl"], ["evil.pkl"], ["-f", "json", "clean.pkl"], ["-v", "clean.pkl"], ["rules"], ["doctor"]):
            with self.subTest(words=words):
                self.assertEqual(self.run_cli(*words).err, "")

    def test_a_wrong_word_is_one_line_that_names_it(self):
        for words, name in ((["--nonsense"], "--nonsense"), (["--suppress", "S777", "x"], "S777"), (["--max-size", "ten", "x"], "ten"),
                            (["--scanners", "nonsense", "x"], "nonsense")):
            with self.subTest(words=words):
                done = self.run_cli(*words)
                self.assertEqual(done.out, b"")
                self.assertEqual(done.err.count("\n"), 1)
                self.assertTrue(done.err.startswith("modelaudit: "))
                self.assertIn(name, done.err)

    def test_a_report_that_cannot_be_written_is_a_failure(self):
        self.write("clean.pkl", BENIGN)
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.command("clean.pkl"), cwd=self.dir, env=self.environment(), stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"cannot write", done.stderr)


if __name__ == "__main__":
    unittest.main()
