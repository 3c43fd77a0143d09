"""The cache from outside; interruption. Run by ctest, one class a topic."""

import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import BENIGN, EVIL, CliTest


class CacheTest(CliTest):
    """The cache from outside."""

    def setUp(self):
        super().setUp()
        self.write("clean.pkl", BENIGN)
        os.utime(self.path("clean.pkl"), (1_600_000_000, 1_600_000_000))

    def scan(self, *words):
        return self.run_cli("-f", "json", "--cache-dir", "cache", *words, "clean.pkl").json

    def stored_scan(self):
        """Scans until the file is older than the clock's granularity and its result was stored."""
        for _ in range(50):
            self.scan()
            if self.scan()["cache"]["hits"] == 1:
                return
            time.sleep(0.1)
        self.fail("the result was never stored")

    def test_the_second_scan_hits_and_says_so(self):
        first = self.scan()
        self.assertEqual(first["cache"], {"hits": 0, "misses": 1, "bypassed": 0})
        self.stored_scan()
        again = self.scan()
        self.assertEqual(again["cache"], {"hits": 1, "misses": 0, "bypassed": 0})
        self.assertEqual(again["files"][0]["cache"], "identity_hit")
        self.assertIn("(100% hit rate)", self.run_cli("--cache-dir", "cache", "clean.pkl").text)

    def test_a_changed_file_is_scanned_anew(self):
        self.stored_scan()
        self.write("clean.pkl", EVIL)
        self.assertEqual(self.scan()["verdict"], "malicious")

    def test_no_cache(self):
        report = self.scan("--no-cache")
        self.assertEqual(report["cache"], {"hits": 0, "misses": 0, "bypassed": 1})
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_stats_clear_and_cleanup(self):
        self.stored_scan()
        stats = self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json")
        self.assertEqual(stats.status, 0)
        self.assertEqual(stats.json["entries"], 1)
        self.assertGreaterEqual(stats.json["hits"], 1)
        dry = self.run_cli("cache", "clear", "--dry-run", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((dry["dry_run"], dry["entries"]), (True, 1))
        kept = self.run_cli("cache", "cleanup", "--max-age", "30", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual(kept["entries"], 0)
        cleared = self.run_cli("cache", "clear", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((cleared["dry_run"], cleared["entries"]), (False, 1))
        self.assertEqual(self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json").json["entries"], 0)

    def test_the_flag_forms(self):
        self.stored_scan()
        self.assertIn("Entries:    1", self.run_cli("cache", "--stats", "--cache-dir", "cache").text)
        self.assertIn("Removed 0", self.run_cli("cache", "--cleanup", "30", "--cache-dir", "cache").text)
        self.assertIn("Removed 1", self.run_cli("cache", "--clear", "--cache-dir", "cache").text)
        self.assertEqual(self.run_cli("cache", "--clear", "--stats").status, 2)
        self.assertEqual(self.run_cli("cache").status, 2)
        self.assertEqual(self.run_cli("cache", "--stats", "clear").status, 2)

    def test_clear_leaves_a_foreign_folder_alone(self):
        self.write("mine/precious.txt", b"keep")
        done = self.run_cli("cache", "clear", "--cache-dir", "mine")
        self.assertEqual(done.status, 1)
        self.assertEqual(os.listdir(self.path("mine")), ["precious.txt"])
        self.assertEqual(done.err.count("\n"), 1)

    def test_a_foreign_folder_that_was_asked_for_is_an_error(self):
        self.write("mine/precious.txt", b"keep")
        self.assertEqual(self.run_cli("--cache-dir", "mine", "clean.pkl").status, 2)

    def test_stats_of_no_cache_create_nothing(self):
        done = self.run_cli("cache", "stats", "--cache-dir", "nowhere", "-f", "json")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["entries"], 0)
        self.assertFalse(os.path.exists(self.path("nowhere")))


class CacheServerTest(CliTest):
    """--cache-url from outside; a server that answers is a matter of the library's tests."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.dead = "redis://:hush@127.0.0.1:%d/3" % free.getsockname()[1]

    def test_a_server_that_is_not_there_changes_nothing_and_is_mentioned_once(self):
        done = self.run_cli("-f", "json", "--cache-url", self.dead, "evil.pkl")
        self.assertEqual((done.status, done.json["verdict"]), (1, "malicious"))
        self.assertEqual(done.err.count("\n"), 1)
        self.assertIn("cannot be reached", done.err)
        self.assertNotIn("hush", done.err + done.text)
        self.assertEqual(self.run_cli("-q", "--cache-url", self.dead, "evil.pkl").err, "")
        self.assertEqual(self.run_cli("--no-cache", "--cache-url", self.dead, "evil.pkl").err, "")

    def test_the_environment_names_the_server_and_a_folder_on_the_command_line_wins(self):
        self.assertIn("cannot be reached", self.run_cli("evil.pkl", MODELAUDIT_CACHE_URL=self.dead).err)
        self.assertEqual(self.run_cli("--cache-dir", "cache", "evil.pkl", MODELAUDIT_CACHE_URL=self.dead).err, "")

    def test_what_cannot_be_is_said_before_anything_is_scanned(self):
        for words in (("--cache-url", "http://:hush@h"), ("--cache-url", "rediss://:hush@h"), ("--cache-url", "redis://:hush@h:x"),
                      ("--cache-url", "redis://h", "--cache-dir", "d"), ("--cache-url", "redis://h", "--cache-key", "missing")):
            done = self.run_cli(*words, "evil.pkl")
            self.assertEqual((done.status, done.text), (2, ""))
            self.assertEqual(done.err.count("\n"), 1)
            self.assertNotIn("hush", done.err)

    def test_a_key_file_that_is_no_key_is_left_alone(self):
        self.write("id_rsa", b"somebody's private key")
        os.chmod(self.path("id_rsa"), 0o600)
        for words in (("--cache-url", "redis://h"), ("--cache-dir", "cache")):
            done = self.run_cli(*words, "--cache-key", "id_rsa", "evil.pkl")
            self.assertEqual(done.status, 2)
            self.assertIn("is not 32 bytes long", done.err)
        with open(self.path("id_rsa"), "rb") as file:
            self.assertEqual(file.read(), b"somebody's private key")

    def test_cache_commands_say_that_the_server_failed(self):
        for command in ("stats", "clear", "cleanup"):
            done = self.run_cli("cache", command, "--cache-url", self.dead)
            self.assertEqual((done.status, done.text), (1, ""))
            self.assertIn("cannot be reached", done.err)


class InterruptTest(CliTest):
    """SIGINT and SIGTERM."""

    def busy(self):
        """A folder that takes long: pickles of many opcodes."""
        first = self.write("m/000.pkl", b"\x80\x04(lp0\n" + b"I1\na" * 4_000_000 + b".")
        for i in range(1, 300):
            os.link(first, self.path("m", f"{i:03}.pkl"))  # no room on the disk, but all the work
        return subprocess.Popen(self.command("--no-cache", "-f", "json", "m"), cwd=self.dir, env=self.environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def interrupted_by(self, which):
        process = self.busy()
        time.sleep(0.4)
        self.assertIsNone(process.poll(), "the scan was over before it could be interrupted")
        sent = time.monotonic()
        process.send_signal(which)
        out, err = process.communicate()
        took = time.monotonic() - sent
        self.assertEqual(process.returncode, 130, err)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertFalse(report["success"])
        self.assertFalse(report["complete"])
        return took

    def test_the_first_signal_ends_in_a_valid_report(self):
        print(f"report {1000 * self.interrupted_by(signal.SIGINT):.0f} ms after the signal")

    def test_sigterm_is_as_sigint(self):
        self.interrupted_by(signal.SIGTERM)

    def test_the_second_signal_ends_at_once(self):
        process = self.busy()
        time.sleep(0.2)
        process.send_signal(signal.SIGSTOP)  # so that both signals wait for it
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate()
        self.assertEqual(process.returncode, 130)


if __name__ == "__main__":
    unittest.main()
