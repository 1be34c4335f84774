#include "host/stream/child_stage.hpp"

#include <fcntl.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "host/base/file.hpp"
#include "host/stream/pipeline.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/stages.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

std::unique_ptr<Source> shell_source(const std::string& script) {
  return child_source({"/bin/sh", {"-c", script}, {}}, "dump of 'shop'");
}
std::unique_ptr<Sink> shell_sink(const std::string& script) {
  return child_sink({"/bin/sh", {"-c", script}, {}}, "restore of 'shop'");
}

PipelineSpec pipeline_of(std::unique_ptr<Source> source, std::unique_ptr<Sink> sink) {
  PipelineSpec spec;
  spec.source = std::move(source);
  spec.sinks.push_back(std::move(sink));
  return spec;
}

Error failure_of(PipelineSpec spec, const Stop& stop = Stop()) {
  return caught([&] { Pipeline(std::move(spec), stop).wait(); });
}

/// A child that tells whether it saw a plain end of its input.
std::string eof_teller(const TempDir& dir) { return "cat >/dev/null; echo eof >" + (dir / "eof"); }

}  // namespace

TEST_CASE("a child's output flows, and its exit ends it well", "[stream]") {
  const auto record = std::make_shared<SinkRecord>();
  const Stop stop;
  Pipeline(pipeline_of(shell_source("echo noise >&2; head -c 3000000 /dev/zero"),
                       std::make_unique<RecordingSink>(record)),
           stop)
      .wait();
  CHECK(record->bytes.size() == 3000000);
  CHECK(record->committed());
}

TEST_CASE("a child that fails after its last byte commits nothing (traps 1 and 4)", "[stream]") {
  const auto record = std::make_shared<SinkRecord>();
  const Error error =
      failure_of(pipeline_of(shell_source("echo all of it; echo 'FATAL: gone' >&2; exit 1"),
                             std::make_unique<RecordingSink>(record)));
  CHECK(kind_of(error) == "process");
  CHECK(error.message() == "dump of 'shop': sh exited with status 1: FATAL: gone");
  CHECK(error.detail() == "FATAL: gone\n");
  CHECK(record->aborted());
}

TEST_CASE("a child that is killed at its work commits nothing", "[stream]") {
  const auto record = std::make_shared<SinkRecord>();
  const Error error = failure_of(pipeline_of(shell_source("echo some; kill -SEGV $$"),
                                             std::make_unique<RecordingSink>(record)));
  CHECK_THAT(error.message(), ContainsSubstring("was killed by signal 11"));
  CHECK(record->aborted());
}

TEST_CASE("a child that closes its output and lives on is waited for", "[stream]") {
  const auto record = std::make_shared<SinkRecord>();
  const Error error = failure_of(pipeline_of(shell_source("echo x; exec >&-; sleep 0.2; exit 8"),
                                             std::make_unique<RecordingSink>(record)));
  CHECK_THAT(error.message(), ContainsSubstring("exited with status 8"));
  CHECK(record->aborted());
}

TEST_CASE("a child as sink gets every byte, then the end of its input", "[stream]") {
  const TempDir dir;
  const std::string text = random_text(2000000, 9);
  const Stop stop;
  Pipeline(pipeline_of(std::make_unique<TextSource>(text), shell_sink("cat >" + (dir / "copy"))),
           stop)
      .wait();
  CHECK((read_file(dir / "copy") == text));
}

TEST_CASE("a child as sink that fails at the end fails the pipeline", "[stream]") {
  const Error error =
      failure_of(pipeline_of(std::make_unique<TextSource>("select 1"),
                             shell_sink("cat >/dev/null; echo 'ERROR: no table' >&2; exit 3")));
  CHECK(kind_of(error) == "process");
  CHECK(error.message() == "restore of 'shop': sh exited with status 3: ERROR: no table");
}

TEST_CASE("a child that ends before it has read all is the cause, not the broken pipe",
          "[stream]") {
  const std::string text(8U << 20U, 'x');
  SECTION("with a reason, as psql with ON_ERROR_STOP") {
    const Error error =
        failure_of(pipeline_of(std::make_unique<TextSource>(text),
                               shell_sink("head -c 10 >/dev/null; echo syntax >&2; exit 3")));
    CHECK(error.message() == "restore of 'shop': sh exited with status 3: syntax");
  }
  SECTION("even with exit status 0") {
    const Error error = failure_of(
        pipeline_of(std::make_unique<TextSource>(text), shell_sink("head -c 10 >/dev/null")));
    CHECK(error.message() == "restore of 'shop': ended before it had read all its input");
  }
}

TEST_CASE("a child that may end early must have ended well", "[stream]") {
  const auto sink = [](const std::string& script) {
    return child_sink({"/bin/sh", {"-c", script}, {}}, "restore of 'shop'", {}, true);
  };
  const auto text = [] { return std::make_unique<TextSource>(std::string(8U << 20U, 'x')); };
  const Stop stop;
  const PipelineReport report =
      Pipeline(pipeline_of(text(), sink("head -c 10 >/dev/null")), stop).wait();
  CHECK(report.out_bytes == 8U << 20U);  // the rest was read, so that its digest is known
  const Error error = failure_of(pipeline_of(text(), sink("head -c 10 >/dev/null; exit 3")));
  CHECK(error.message() == "restore of 'shop': sh exited with status 3");
}

TEST_CASE("on abort a child is killed before it could see the end of its input", "[stream]") {
  const TempDir dir;
  const std::string text = random_text(100000, 10);
  SECTION("the source fails at its end") {
    auto source = std::make_unique<TextSource>(text);
    source->before_finish = failing("digest is wrong");
    CHECK(failure_of(pipeline_of(std::move(source), shell_sink(eof_teller(dir)))).message() ==
          "digest is wrong");
  }
  SECTION("another sink fails to commit first") {
    auto bad = std::make_unique<RecordingSink>(std::make_shared<SinkRecord>());
    bad->before_commit = failing("disk full");
    PipelineSpec spec = pipeline_of(std::make_unique<TextSource>(text), std::move(bad));
    spec.sinks.push_back(shell_sink(eof_teller(dir)));
    CHECK(failure_of(std::move(spec)).message() == "disk full");
  }
  SECTION("a stop") {
    Stop stop;
    auto source = std::make_unique<TextSource>(text);
    source->before_finish = [&](const Stop& seen) {
      stop.request(SIGTERM);
      seen.check("test");
    };
    CHECK(kind_of(failure_of(pipeline_of(std::move(source), shell_sink(eof_teller(dir))), stop)) ==
          "cancelled");
  }
  SECTION("a sink that was never run") { shell_sink(eof_teller(dir)).reset(); }
  // A child that saw the end would write the file at once; give it more than the time it needs.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_FALSE(std::filesystem::exists(dir / "eof"));
}

TEST_CASE("a stop ends children that block on either side", "[stream]") {
  Stop stop;
  const auto record = std::make_shared<SinkRecord>();
  PipelineSpec spec;
  SECTION("a source that gives nothing") {
    spec = pipeline_of(shell_source("exec sleep 600"), std::make_unique<RecordingSink>(record));
  }
  SECTION("a sink that takes nothing") {
    spec = pipeline_of(std::make_unique<TextSource>(std::string(8U << 20U, 'x')),
                       shell_sink("exec sleep 600"));
  }
  SECTION("a sink that does not end") {
    spec = pipeline_of(std::make_unique<TextSource>("x"),
                       shell_sink("cat >/dev/null; exec sleep 600"));
  }
  Pipeline pipeline(std::move(spec), stop);
  std::thread asker([&] { stop.request(SIGINT); });
  CHECK(kind_of(caught([&] { pipeline.wait(); })) == "cancelled");
  asker.join();
}

TEST_CASE("a child that works on a file gives no bytes, and its verdict is the caller's",
          "[stream]") {
  const Stop stop;
  const TempDir dir;
  const UniqueFd file(::open(write_file(dir / "in", "from a file").c_str(), O_RDONLY | O_CLOEXEC));
  std::string said;
  ChildSpec spec{"/bin/sh", {"-c", "cat /dev/stdin >&2; exit 3"}, {}};
  spec.stdin_from = file.get();
  spec.on_stderr = [&](std::string_view text) { said += text; };
  const auto work =
      child_work(std::move(spec), "work", [&](const Child&, const ExitStatus& status) {
        if (status.code != 3 || said != "from a file")
          throw Error(ErrorKind::process, "test", said);
      });
  CHECK(drain(*work, stop).empty());
}

TEST_CASE("a verdict can refuse what a child calls a success", "[stream]") {
  const Stop stop;
  const auto sink = child_sink({"/bin/sh", {"-c", "cat >/dev/null"}, {}}, "sink",
                               [](const Child&, const ExitStatus& status) {
                                 CHECK(status.good());
                                 throw Error(ErrorKind::process, "test", "not believed");
                               });
  fill(*sink, "bytes", stop);
  CHECK(caught([&] { sink->commit(stop); }).message() == "not believed");
}
