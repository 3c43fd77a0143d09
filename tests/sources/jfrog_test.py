"""The program against a double of JFrog Artifactory on loopback: every command line as a user would write it."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

import artifactory  # noqa: E402
from artifactory import API_KEY, BENIGN, EVIL, SHARDS, TOKEN, TREE, Artifactory  # noqa: E402
from harness import CliTest  # noqa: E402


class JfrogTest(CliTest):
    def setUp(self):
        super().setUp()
        self.double = Artifactory()
        self.addCleanup(self.double.stop)

    def scan(self, below, *words, credentials=None, **environment):
        """As `modelaudit scan` with the double named as a server of ours; the double's address is loopback and without
        TLS, which has to be allowed."""
        known = {"MODELAUDIT_JFROG_ALLOWED_HOSTS": self.double.host, **(credentials or {}), **environment}
        return self.run_cli("scan", "--allow-host", self.double.host, *words, self.double.url(below), **known)

    def scan_json(self, below, *words, **more):
        done = self.scan(below, "-f", "json", *words, **more)
        return done, done.json

    def asked(self):
        return [request["path"] for request in self.double.take_requests()]

    def fetched(self):
        return [path for path in self.asked() if "/api/storage/" not in path]

    def leftovers(self):
        """Files below the user's folders and the temporary folder that are neither results nor their bookkeeping."""
        found = []
        for folder, _, names in os.walk(self.root):
            found += [os.path.join(folder, name) for name in names]
        return [path for path in found if "/downloads-1/" in path]

    def temporary(self):
        path = os.path.join(self.root, "tmp")
        os.makedirs(path, exist_ok=True)
        return path


class ScanTest(JfrogTest):
    def test_a_folder_is_scanned_with_everything_below_it(self):
        done, report = self.scan_json("models")
        self.assertEqual(done.status, 1)
        self.assertEqual(report["verdict"], "malicious")
        paths = {file["path"]: file["verdict"] for file in report["files"]}
        self.assertEqual(paths[self.double.url("models/evil.pkl")], "malicious")
        self.assertEqual(paths[self.double.url("models/sub/folder/deep.pkl")], "clean")
        self.assertEqual(paths[self.double.url("models/sub/with%20space%20%C3%A9.pkl")], "clean")
        self.assertEqual(len(paths), len(TREE) - 1)
        self.assertEqual(report["unknown_files"], [self.double.url("models/notes.txt")])
        self.assertEqual(report["errors"], [])
        self.assertEqual(done.err, "")

    def test_results_say_where_a_file_came_from(self):
        _, report = self.scan_json("models/evil.pkl")
        url = self.double.url("models/evil.pkl")
        metadata = report["file_metadata"][url]
        self.assertEqual(metadata["source.type"], "jfrog")
        self.assertEqual(metadata["source.url"], url)
        self.assertEqual(metadata["source.repository"], "models")
        self.assertEqual(len(metadata["source.sha256"]), 64)
        self.assertEqual(report["issues"][0]["where"]["path"] if "where" in report["issues"][0] else url, url)
        text = json.dumps(report)
        self.assertNotIn(self.root, text)
        self.assertNotIn(".work-", text)

    def test_a_server_that_lists_a_tree_at_once_is_asked_twice(self):
        done, report = self.scan_json("pro")
        self.assertEqual((done.status, len(report["files"]), len(report["unknown_files"])), (1, len(TREE) - 1, 1))
        asked = self.asked()
        self.assertEqual(sum("/api/storage/" in path for path in asked), 2)
        self.assertEqual(self.scan("pro").status, 1)
        self.assertEqual(len(self.asked()), 2)
        below = self.scan_json("pro/sub")[1]
        self.assertEqual({file["path"] for file in below["files"]},
                         {self.double.url("pro/sub/folder/deep.pkl"), self.double.url("pro/sub/with%20space%20%C3%A9.pkl")})

    def test_an_api_address_and_a_trailing_slash_mean_the_same(self):
        for below in ("clean/", "api/storage/clean"):
            done, report = self.scan_json(below)
            self.assertEqual((done.status, len(report["files"])), (0, 3), below)

    def test_shards_are_judged_with_their_index(self):
        for words in ((), ("--stream",), ("--no-cache",)):
            done, report = self.scan_json("sharded", *words)
            self.assertEqual(done.status, 0, (words, done.out, done.err))
            shown = {file["path"].rsplit("/", 1)[1] for file in report["files"]}
            self.assertLessEqual({*SHARDS, "other.pkl"}, shown)

    def test_names_that_differ_in_case_are_both_scanned(self):
        done, report = self.scan_json("case")
        self.assertEqual(done.status, 1)
        self.assertEqual(len(report["files"]), 2)

    def test_files_beside_references_are_in_one_report(self):
        self.write("local.pkl", b"\x80\x04N.")
        done = self.run_cli("scan", "-f", "json", "--allow-host", self.double.host, "local.pkl", self.double.url("clean"),
                            self.double.url("clean"), MODELAUDIT_JFROG_ALLOWED_HOSTS=self.double.host)
        self.assertEqual(done.status, 0)
        self.assertEqual(len(done.json["files"]), 4)

    def test_a_dry_run_lists_and_fetches_nothing(self):
        done = self.scan("models", "--dry-run", "-f", "json", "--max-size", "60")
        self.assertEqual(done.status, 0)
        previews = {entry["path"]: entry for entry in done.json["previews"]}
        self.assertEqual(len(previews), len(TREE))
        self.assertTrue(previews[self.double.url("models/good.pkl")]["too_large"])
        self.assertEqual(previews[self.double.url("models/evil.pkl")]["size"], len(TREE["evil.pkl"]))
        self.assertEqual(self.fetched(), [])
        self.assertEqual(os.listdir(self.home), [])
        text = self.scan("no-size", "--dry-run")
        self.assertIn("size unknown", text.text)
        self.assertEqual(self.scan("forbidden", "--dry-run").status, 2)

    def test_an_interrupt_ends_a_download_at_once(self):
        words = self.command("scan", "--allow-host", self.double.host, self.double.url("slow"))
        child = subprocess.Popen(words, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=self.environment(MODELAUDIT_JFROG_ALLOWED_HOSTS=self.double.host))
        while not any("/artifactory/slow/" in r["path"] for r in list(self.double.requests)):
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
        self.assertEqual(child.returncode, 130, (out, err))
        self.assertEqual(self.leftovers(), [])


class SecondRunTest(JfrogTest):
    def test_known_content_is_neither_fetched_nor_scanned_again(self):
        first, before = self.scan_json("models", "--deterministic")
        self.assertEqual(len(self.fetched()), 3)  # of five files three have one content
        second, after = self.scan_json("models", "--deterministic")
        self.assertEqual(self.fetched(), [])
        self.assertEqual((first.status, second.status), (1, 1))
        self.assertEqual(before, after)

    def test_what_is_kept_is_used_when_the_result_is_not_known(self):
        self.scan("models")
        self.double.take_requests()
        done, report = self.scan_json("models", "--deep")
        self.assertEqual((done.status, len(report["files"])), (1, 4))
        self.assertEqual(self.fetched(), [])

    def test_a_kept_file_that_was_changed_is_noticed_and_fetched_again(self):
        self.scan("clean")
        for path in self.leftovers():
            with open(path, "r+b") as out:
                out.write(b"\x00")
        self.double.take_requests()
        done, report = self.scan_json("clean", "--deep")
        self.assertEqual((done.status, report["verdict"]), (0, "clean"))
        self.assertEqual(len(self.fetched()), 3)

    def test_without_a_cache_nothing_is_kept_and_all_is_fetched_again(self):
        for _ in range(2):
            done = self.scan("clean", "--no-cache", TMPDIR=self.temporary())
            self.assertEqual(done.status, 0)
            self.assertEqual(len(self.fetched()), 3)
        self.assertEqual(os.listdir(self.home), [])
        self.assertEqual(os.listdir(self.temporary()), [])

    def test_streaming_keeps_results_but_no_files(self):
        done = self.scan("models", "--stream", TMPDIR=self.temporary())
        self.assertEqual(done.status, 1)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(os.listdir(self.temporary()), [])
        self.double.take_requests()
        self.assertEqual(self.scan("models", "--stream").status, 1)
        self.assertEqual(self.fetched(), [])

    def test_strict_takes_no_servers_word_for_a_digest(self):
        self.scan("clean")
        self.double.take_requests()
        self.scan("clean", "--strict")
        self.assertEqual(self.fetched(), [])  # what is kept is hashed before it is used
        self.run_cli("cache", "clear")
        self.scan("clean", "--keep-downloads", "0")
        self.double.take_requests()
        self.assertEqual(self.scan("clean", "--strict").status, 0)
        self.assertEqual(len(self.fetched()), 3)

    def test_downloads_are_counted_limited_and_cleared(self):
        self.scan("clean")
        stats = self.run_cli("cache", "stats", "-f", "json").json
        self.assertEqual(stats["downloads"]["files"], 3)
        self.assertIn("Downloads:  3", self.run_cli("cache", "stats").text)
        self.assertIn("3 fetched files", self.run_cli("cache", "clear", "--dry-run").text)
        self.assertEqual(self.run_cli("cache", "cleanup", "--max-age", "1", "-f", "json").json["downloads"]["files"], 0)
        self.assertIn("3 fetched files", self.run_cli("cache", "clear").text)
        self.assertEqual(self.leftovers(), [])
        self.scan("clean", "--keep-downloads", "100")
        kept = self.run_cli("cache", "stats", "-f", "json").json["downloads"]
        self.assertLessEqual(kept["bytes"], 100)
        self.assertGreater(kept["files"], 0)
        self.scan("clean", "--keep-downloads", "0", "--deep")
        self.assertEqual(self.run_cli("scan", "--keep-downloads", "many", "x").status, 2)

    def test_shards_are_fetched_once_and_judged_together_again(self):
        first, before = self.scan_json("sharded", "--deterministic")
        self.double.take_requests()
        second, after = self.scan_json("sharded", "--deterministic")
        self.assertEqual(self.fetched(), [])
        self.assertEqual((first.status, second.status, before), (0, 0, after))

    def test_a_new_file_beside_known_ones_is_all_that_is_fetched(self):
        name = "late-" + self.id().rsplit(".", 1)[1]
        artifactory.REPOSITORIES[name] = {"a.pkl": BENIGN, "b.pkl": EVIL}
        self.assertEqual(self.scan(name).status, 1)
        artifactory.REPOSITORIES[name]["c.pkl"] = b"\x80\x04K\x07."
        self.double.take_requests()
        done, report = self.scan_json(name, "--keep-downloads", "0")
        self.assertEqual((done.status, len(report["files"])), (1, 3))
        self.assertEqual(self.fetched(), [f"/artifactory/{name}/c.pkl"])

    def test_a_shard_that_comes_late_is_judged_with_the_known_ones(self):
        name = "late-shard"
        first, second = sorted(SHARDS)
        whole = artifactory.REPOSITORIES["sharded"]
        artifactory.REPOSITORIES[name] = {file: data for file, data in whole.items() if file != second}
        lacking = self.scan_json(name)[1]
        artifactory.REPOSITORIES[name] = whole
        late, report = self.scan_json(name)
        clean = self.scan_json("sharded", "--no-cache")[1]
        self.assertEqual(late.status, 0)
        self.assertEqual([f["verdict"] for f in report["files"]], [f["verdict"] for f in clean["files"]])
        self.assertLess(len(lacking["files"]), len(report["files"]))

    def test_content_that_is_called_otherwise_is_known(self):
        self.scan("clean/a.pkl")
        self.double.take_requests()
        done, report = self.scan_json("no-size/model.pkl")  # without a size nothing is known beforehand
        self.assertEqual((done.status, len(self.fetched())), (0, 1))
        done, report = self.scan_json("twice")
        self.assertEqual((done.status, len(report["files"]), self.fetched()), (0, 2, []))

    def test_many_runs_at_once_do_not_disturb_each_other(self):
        words = self.command("scan", "-f", "json", "--allow-host", self.double.host, self.double.url("models"))
        env = self.environment(MODELAUDIT_JFROG_ALLOWED_HOSTS=self.double.host)
        runs = [subprocess.Popen(words, cwd=self.dir, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)]
        for run in runs:
            out, err = run.communicate()
            self.assertEqual((run.returncode, err), (1, b""))
            report = json.loads(out)
            self.assertEqual((len(report["files"]), report["complete"], report["errors"]), (4, True, []))
        self.assertEqual([path for path in self.leftovers() if ".work-" in path], [])

    def test_a_folder_for_downloads_that_cannot_be_used_is_done_without(self):
        self.scan("clean")
        store = os.path.dirname(os.path.dirname(self.leftovers()[0]))
        subprocess.run(["rm", "-rf", store], check=True)
        os.symlink(self.temporary(), store)
        done = self.scan("models", TMPDIR=self.temporary())
        self.assertEqual((done.status, done.err), (1, ""))
        self.assertEqual(os.listdir(self.temporary()), [])
        lost = self.scan("models", "--no-cache", TMPDIR=os.path.join(self.root, "no-such-folder"))
        self.assertEqual(lost.status, 2)
        self.assertIn("TMPDIR", lost.text)

    def test_what_a_killed_run_left_is_removed_by_the_next(self):
        words = self.command("scan", "--allow-host", self.double.host, self.double.url("slow"))
        child = subprocess.Popen(words, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=self.environment(MODELAUDIT_JFROG_ALLOWED_HOSTS=self.double.host))
        while not any(path.endswith(".part") and os.path.getsize(path) for path in self.leftovers()):
            time.sleep(0.02)
        child.kill()
        child.wait()
        self.assertTrue(self.leftovers())
        self.scan("no-sha")
        self.assertEqual([path for path in self.leftovers() if ".work-" in path], [])


class CredentialsTest(JfrogTest):
    def sent(self, name):
        return [request["headers"].get(name) for request in self.double.take_requests()]

    def test_an_api_key_or_a_bearer_token_opens_a_repository(self):
        self.assertEqual(self.scan("private", JFROG_API_TOKEN=API_KEY).status, 0)
        self.assertEqual(set(self.sent("x-jfrog-art-api")), {API_KEY})
        self.assertEqual(self.scan("private", "--no-cache", JFROG_ACCESS_TOKEN=TOKEN).status, 0)
        self.assertEqual(set(self.sent("authorization")), {"Bearer " + TOKEN})

    def test_the_api_key_is_preferred(self):
        self.scan("private", JFROG_API_TOKEN=API_KEY, JFROG_ACCESS_TOKEN=TOKEN)
        self.assertTrue(all("authorization" not in r["headers"] for r in self.double.take_requests()))

    def test_without_credentials_the_variables_are_named(self):
        done, report = self.scan_json("private")
        self.assertEqual(done.status, 2)
        self.assertIn("JFROG_ACCESS_TOKEN", report["errors"][0]["message"])
        self.assertIn("401", report["errors"][0]["message"])

    def test_a_wrong_token_is_named_but_not_shown(self):
        done, report = self.scan_json("private", JFROG_ACCESS_TOKEN="wrong-secret-token")
        self.assertIn("check JFROG_ACCESS_TOKEN", report["errors"][0]["message"])
        self.assertNotIn("wrong-secret-token", done.out.decode() + done.err)

    def test_a_host_that_is_only_reachable_gets_no_credentials(self):
        done = self.run_cli("scan", "--allow-host", self.double.host, self.double.url("private"), JFROG_API_TOKEN=API_KEY)
        self.assertEqual(done.status, 2)
        self.assertIn("MODELAUDIT_JFROG_ALLOWED_HOSTS", done.text)
        self.assertEqual(set(self.sent("x-jfrog-art-api")), {None})

    def test_another_host_never_sees_credentials(self):
        done = self.scan("redirect-other", JFROG_API_TOKEN=API_KEY, JFROG_ACCESS_TOKEN=TOKEN)
        self.assertEqual(done.status, 2)
        self.assertIn("another host", done.text)
        self.double.take_requests()
        allowed = self.scan("redirect-other", "--allow-host", self.double.other_host, JFROG_API_TOKEN=API_KEY,
                            MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS=self.double.other_host)
        self.assertEqual(allowed.status, 0, allowed.out)
        there = [r for r in self.double.take_requests() if r["port"] == self.double.other.server_port]
        self.assertEqual(len(there), 1)
        self.assertNotIn(API_KEY, json.dumps(there))
        self.assertNotIn("secret-query", allowed.out.decode() + allowed.err)

    def test_nothing_of_a_token_stays_anywhere(self):
        self.scan("models", "-v", JFROG_API_TOKEN=API_KEY)
        self.scan("private", "-v", JFROG_API_TOKEN=API_KEY, JFROG_ACCESS_TOKEN=TOKEN)
        self.assertTrue(self.leftovers())
        for folder, _, names in os.walk(self.root):
            for name in names:
                with open(os.path.join(folder, name), "rb") as source:
                    data = source.read()
                self.assertNotIn(API_KEY.encode(), data, name)
                self.assertNotIn(TOKEN.encode(), data, name)

    def test_a_token_with_a_line_break_is_refused(self):
        done = self.scan("private", JFROG_ACCESS_TOKEN="a\r\nX-Evil: 1")
        self.assertEqual(done.status, 2)
        self.assertIn("control character", done.text)
        self.assertEqual(self.double.take_requests(), [])

    def test_credentials_in_an_address_are_refused_and_not_repeated(self):
        done = self.run_cli("scan", "-f", "json", "https://user:hunter2@h.jfrog.io/artifactory/models/x?token=hunter3")
        self.assertEqual(done.status, 2)
        self.assertNotIn("hunter", done.out.decode() + done.err)
        self.assertIn("credentials", done.json["errors"][0]["message"])


class TlsTest(CliTest):
    def double_with(self, version=None):
        path = artifactory.certificate(self.root)
        double = Artifactory(artifactory.tls_context(path, version))
        self.addCleanup(double.stop)
        self.environment_of_double = {"MODELAUDIT_JFROG_ALLOWED_HOSTS": double.host, "SSL_CERT_FILE": path + ".crt",
                                      "JFROG_ACCESS_TOKEN": TOKEN}
        return double

    def scan(self, double, below, *words, **environment):
        return self.run_cli("scan", "--allow-host", double.host, *words, double.url(below),
                            **{**self.environment_of_double, **environment})

    def test_a_server_that_proves_who_it_is_is_scanned(self):
        double = self.double_with()
        self.assertEqual(self.scan(double, "private").status, 0)
        named_otherwise = self.scan(double, "private", SSL_CERT_FILE="", CURL_CA_BUNDLE=os.path.join(self.root, "server.pem.crt"))
        self.assertEqual(named_otherwise.status, 0)

    def test_a_server_that_does_not_is_refused_before_it_sees_a_token(self):
        double = self.double_with()
        done = self.scan(double, "private", SSL_CERT_FILE="")
        self.assertEqual(done.status, 2)
        self.assertIn("SSL_CERT_FILE", done.text)
        self.assertEqual(double.take_requests(), [])
        elsewhere = self.run_cli("scan", "--allow-host", double.host.replace("127.0.0.1", "localhost"),
                                 double.url("private").replace("127.0.0.1", "localhost"), **self.environment_of_double)
        self.assertEqual(elsewhere.status, 2)
        self.assertEqual(double.take_requests(), [])

    def test_a_redirect_to_http_is_refused(self):
        double = self.double_with()
        done = self.scan(double, "downgrade", "--no-cache", "--allow-host", double.other_host,
                         MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS=double.other_host)
        self.assertEqual(done.status, 2)
        self.assertIn("from https to http", done.text)

    def test_old_versions_of_tls_are_refused(self):
        double = self.double_with(ssl.TLSVersion.TLSv1_1)
        done = self.scan(double, "private")
        self.assertEqual(done.status, 2)
        self.assertIn("secure connection", done.text)


class RefusalTest(JfrogTest):
    def refused(self, below, *words, **environment):
        done, report = self.scan_json(below, "--no-cache", *words, TMPDIR=self.temporary(), **environment)
        self.assertEqual((done.status, report["verdict"]), (2, "inconclusive"), done.out)
        self.assertTrue(report["has_errors"])
        self.assertEqual(os.listdir(self.temporary()), [])
        return " ".join(error["message"] for error in report["errors"])

    def test_unknown_hosts_are_refused_without_asking_them(self):
        done = self.run_cli("scan", self.double.url("clean"))
        self.assertEqual(done.status, 2)
        self.assertIn("MODELAUDIT_JFROG_ALLOWED_HOSTS", done.text)
        listed = self.run_cli("scan", self.double.url("clean"), MODELAUDIT_JFROG_ALLOWED_HOSTS=self.double.host)
        self.assertEqual(listed.status, 2)
        self.assertIn("--allow-host", listed.text)
        self.assertEqual(self.double.take_requests(), [])

    def test_local_addresses_are_refused_however_they_are_written(self):
        for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]",
                     "0.0.0.0", "127.0.0.1.", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"):
            url = f"https://{host}:{self.double.main.server_port}/artifactory/clean"
            done = self.run_cli("scan", "-t", "5", url, MODELAUDIT_JFROG_ALLOWED_HOSTS=f"{host}:{self.double.main.server_port}")
            self.assertEqual(done.status, 2, host)
        self.assertEqual(self.double.take_requests(), [])

    def test_metadata_services_are_out_of_bounds_even_when_named(self):
        for host in ("169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"):
            done = self.run_cli("scan", "-t", "5", "--allow-host", host, f"http://{host}/artifactory/x",
                                MODELAUDIT_JFROG_ALLOWED_HOSTS=host)
            self.assertEqual(done.status, 2)
            self.assertIn("never", done.text)

    def test_errors_of_the_server_are_told(self):
        self.assertIn("403", self.refused("forbidden"))
        self.assertIn("404", self.refused("no-such-repository"))
        self.assertIn("404", self.refused("models/no-such-file.pkl"))
        self.assertIn("429", self.refused("busy"))

    def test_a_server_that_is_busy_once_is_asked_again(self):
        done = self.scan("busy-once")
        self.assertEqual(done.status, 0)

    def test_redirects_within_the_server_are_followed(self):
        self.assertEqual(self.scan("redirect-same").status, 0)

    def test_redirects_elsewhere_are_refused(self):
        self.assertIn("circle", self.refused("redirect-loop"))
        self.assertIn("more than 5", self.refused("redirect-many"))
        for repository in ("redirect-metadata", "redirect-loopback", "redirect-private"):
            self.assertIn("not allowed", self.refused(repository))
        self.assertIn("credentials", self.refused("redirect-userinfo"))
        self.assertIn("neither", self.refused("redirect-nowhere"))

    def test_an_allowed_redirect_still_leads_to_no_local_address(self):
        self.assertIn("never", self.refused("redirect-metadata", "--allow-host", "169.254.169.254",
                                            MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS="169.254.169.254"))
        self.assertIn("not encrypted", self.refused("redirect-loopback", MODELAUDIT_JFROG_ALLOWED_REDIRECT_HOSTS="127.0.0.1:9"))

    def test_lies_about_the_body_are_noticed(self):
        self.assertIn("72 bytes", self.refused("shorter"))
        self.assertIn("SHA-256", self.refused("wrong-sha"))
        self.assertIn("compressed", self.refused("compressed"))
        self.assertIn("HTML", self.refused("html"))
        self.assertIn("log-in", self.refused("html-listing"))

    def test_a_body_that_never_ends_is_cut_at_the_limit(self):
        self.assertIn("limit", self.refused("endless", "--max-size", "1MB"))

    def test_a_body_that_is_cut_is_resumed_or_begun_again_but_never_taken_for_whole(self):
        self.assertEqual(self.scan("cut-once", "--no-cache").status, 0)
        ranges = [request["headers"].get("range") for request in self.double.take_requests()]
        self.assertEqual(ranges[-2:], [None, "bytes=100000-"])
        self.assertEqual(self.scan("cut-changed", "--no-cache").status, 0)
        self.assertIn("another part", self.refused("cut-wrong-range"))
        self.assertIn("closed the connection", self.refused("cut"))

    def test_one_failure_makes_the_whole_inconclusive_and_keeps_what_was_found(self):
        done, report = self.scan_json("mixed", "--no-cache")
        self.assertEqual(done.status, 1)
        self.assertEqual({file["verdict"] for file in report["files"]}, {"malicious", "clean"})
        self.assertFalse(report["complete"])
        self.assertEqual(len(report["errors"]), 1)
        gone, report = self.scan_json("child-is-missing")
        self.assertEqual((gone.status, report["complete"]), (1, False))

    def test_names_that_lead_elsewhere_are_refused_one_by_one(self):
        done, report = self.scan_json("names", "--no-cache", TMPDIR=self.temporary())
        self.assertEqual((done.status, len(report["files"])), (2, 1))
        self.assertEqual(len(report["errors"]), 15)
        self.assertEqual(len(self.fetched()), 1)
        self.assertEqual(os.listdir(self.temporary()), [])

    def test_a_tree_listed_at_once_is_believed_no_more_than_one_listed_by_folders(self):
        done, report = self.scan_json("pro-names", "--no-cache")
        self.assertEqual((done.status, len(report["files"])), (2, 1), done.out)
        self.assertEqual(len(report["errors"]), 16)
        self.assertEqual(len(self.fetched()), 1)
        self.assertEqual(self.scan("pro-html", "--no-cache").status, 0)  # asked folder by folder then
        self.assertIn("entries", self.refused("pro-wide"))
        self.assertIn("deeper", self.refused("pro-deep"))

    def test_listings_have_an_end(self):
        self.assertIn("entries", self.refused("wide"))
        self.assertIn("limit", self.refused("flood"))
        self.assertIn("deeper", self.refused("deep"))

    def test_replies_that_are_no_listing_are_refused(self):
        for name in "abcdefgh":
            self.assertIn("Artifactory", self.refused("odd-json/" + name))

    def test_an_empty_folder_is_not_clean(self):
        self.assertEqual(self.scan("empty").status, 2)

    def test_a_file_above_max_size_is_a_gap_and_not_fetched(self):
        done, report = self.scan_json("models/good.pkl", "--max-size", "60")
        self.assertEqual((done.status, report["files"][0]["coverage"]["gaps"][0]["kind"]), (2, "limit"))
        self.assertEqual(self.fetched(), [])

    def test_the_time_limit_covers_a_server_that_drips_or_says_nothing(self):
        self.assertIn("--timeout", self.refused("slow", "-t", "0.5"))
        self.assertIn("--timeout", self.refused("silent", "-t", "0.5"))

    def test_forms_that_are_no_source_are_refused(self):
        for word in ("https://example.com/model.pkl", "az://x/y", "s3://bucket/x", "ftp://h/x", "https://h.jfrog.io/ui/repos"):
            done = self.run_cli("scan", word)
            self.assertEqual((done.status, "NOT SCANNED" in done.text), (2, True), word)


if __name__ == "__main__":
    unittest.main()
