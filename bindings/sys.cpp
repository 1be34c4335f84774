// pgbak.sys: the surroundings of a run.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "bindings/api_docs.hpp"
#include "bindings/assets.hpp"
#include "bindings/call.hpp"
#include "bindings/limit.hpp"
#include "bindings/loader.hpp"
#include "host/base/directory.hpp"
#include "host/base/environment.hpp"
#include "host/base/file.hpp"
#include "host/base/log.hpp"
#include "host/base/nearest.hpp"
#include "host/base/redact.hpp"
#include "host/base/units.hpp"

namespace pgbak {
namespace {

void env(Call& call) {
  const auto value = environment(call.string(1));
  call.push(value ? Json(*value) : Json(nullptr));
}

void secret_env(Call& call) {
  const auto value = secret_from_environment(call.string(1));
  call.push(value ? Json(value->reveal()) : Json(nullptr));
}

void mark_secret(Call& call) { register_secret(call.string(1)); }

void mask(Call& call) { call.push(redact(call.string(1))); }

void hostname(Call& call) { call.push(host_name()); }

void version(Call& call) { call.push(PGBAK_VERSION); }

void is_terminal(Call& call) {
  const std::string stream = call.string(1);
  call.push(::isatty(stream == "stdin" ? 0 : stream == "stdout" ? 1 : 2) == 1);
}

void terminal_width(Call& call) {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  call.push(known ? static_cast<int>(size.ws_col) : 80);
}

void nearest_word(Call& call) {
  const std::string found = nearest(call.string(1), call.strings(2));
  call.push(found.empty() ? Json(nullptr) : Json(found));
}

void human_bytes_text(Call& call) {
  call.push(human_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, call.integer(1)))));
}

void human_seconds_text(Call& call) { call.push(human_seconds(call.number(1))); }

void exists(Call& call) {
  std::error_code ignored;
  call.push(std::filesystem::exists(call.string(1), ignored));
}

void absolute(Call& call) {
  call.push(std::filesystem::absolute(call.string(1)).lexically_normal().string());
}

void free_bytes(Call& call) {
  std::error_code unknown;
  const auto space = std::filesystem::space(call.string(1), unknown);
  call.push(unknown ? Json(nullptr) : Json(static_cast<std::uint64_t>(space.available)));
}

void ask(Call& call) {
  const std::string prompt = redact(call.string(1));
  const Stop& stop = call.run().stop;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, prompt.data(), prompt.size());
  std::string line;
  for (char c = 0; c != '\n';) {
    std::array<pollfd, 2> fds{{{STDIN_FILENO, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), -1);
    stop.check("sys.ask");
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got == 0 || (got < 0 && errno != EINTR)) break;
    if (got == 1 && c != '\n') line += c;
  }
  call.push(line);
}

void read(Call& call) { call.push(read_file(call.string(1))); }

void write_new(Call& call) { call.push(write_new_file(call.string(1), call.string(2))); }

void private_directory_path(Call& call) {
  const std::string path =
      call.string(1) + "/" + call.string(2) + "-" + std::to_string(::geteuid());
  private_directory(path);
  call.push(path);
}

void load(Call& call) {
  const std::string path = call.string(1);
  load_lua(call.lua(), {path, read_file(path)});
  call.pushed(1);
}

void load_policy_file(Call& call) {
  const std::string path = call.string(1);
  const auto source = find_lua(path);
  if (!source) {
    const std::string near = nearest_lua(path);
    throw Error(ErrorKind::config, "load", "no policy file '" + path + "'")
        .hint(near.empty() ? "looked for here, in $PGBAK_HOME and among the shipped ones"
                           : "did you mean '" + near + "'?");
  }
  load_policy(call.lua(), *source);
  call.pushed(1);
  call.push(source->path);
}

void source(Call& call) {
  const auto found = find_lua(call.string(1));
  call.push(found ? Json(found->text) : Json(nullptr));
  call.push(found ? Json(found->path) : Json(nullptr));
}

void api(Call& call) { call.push(api_data()); }

void where(Call& call) {
  lua_Debug function;
  lua_pushvalue(call.lua(), call.index(1));
  lua_getinfo(call.lua(), ">S", &function);
  const std::string_view source = function.source;
  call.push(source.starts_with('@') ? std::string(source.substr(1)) + ":" +
                                          std::to_string(std::max(1, function.linedefined))
                                    : std::string("a function that is in no file"));
}

void files(Call& call) {
  const std::string suffix = call.string(2);
  std::vector<std::string> found;
  walk_files(call.string(1), [&](const FoundFile& file) {
    if (!file.name.starts_with('.') && file.name.ends_with(suffix)) found.push_back(file.relative);
  });
  std::sort(found.begin(), found.end());
  call.push(Json(found));
}

void assets(Call& call) {
  Json out = Json::array();
  for (const Asset& asset : embedded_assets()) {
    if (asset.path.starts_with("bindings/")) continue;
    out.push_back({{"path", asset.path}, {"text", asset.text}});
  }
  call.push(out);
}

void apply_log(Call& call) {
  log::configure(log::parse_level(call.string(1)), call.string(2) == "json",
                 ::isatty(STDERR_FILENO) == 1 && !environment("NO_COLOR"));
}

}  // namespace

const Module& sys_module() {
  static const std::vector<Param> name{{"name", "string", false, "of the variable"}};
  static const std::vector<Param> path{{"path", "string", false, "of the file"}};
  static const Module module{
      "sys",
      "The surroundings of a run: environment, terminal, files for people.",
      {{"env", "An environment variable.", name, "string", "its value, or nil when unset or empty",
        "", "sys.env('BACKUP_DIR')", env},
       {"secret_env", "A secret from the variable NAME, or from the file that NAME_FILE names.",
        name, "string", "the secret, masked from now on in everything shown; or nil",
        "config when both are set, or the file cannot be read", "sys.secret_env('PGPASSWORD')",
        secret_env},
       {"mark_secret",
        "Masks a text from now on in everything shown.",
        {{"text", "string", false, "the secret"}},
        "",
        "",
        "",
        "sys.mark_secret(token)",
        mark_secret},
       {"mask",
        "A text with the secrets in it masked, for a script that prints what users wrote.",
        {{"text", "string", false, "any text"}},
        "string",
        "the text with *** for each secret",
        "",
        "io.write(sys.mask(note))",
        mask},
       {"hostname",
        "This machine's name.",
        {},
        "string",
        "the name",
        "",
        "sys.hostname()",
        hostname},
       {"version", "pgbak's version.", {}, "string", "such as 0.1.0", "", "sys.version()", version},
       {"is_terminal",
        "Whether a person may be reading a stream.",
        {{"stream", "'stdin'|'stdout'|'stderr'", false, "which"}},
        "boolean",
        "yes or no",
        "",
        "sys.is_terminal('stdout')",
        is_terminal},
       {"terminal_width",
        "Columns of the terminal.",
        {},
        "integer",
        "80 when unknown",
        "",
        "sys.terminal_width()",
        terminal_width},
       {"nearest",
        "What a misspelt word stands for.",
        {{"word", "string", false, "as written"},
         {"candidates", "string[]", false, "what it could be"}},
        "string",
        "the closest one, or nil",
        "",
        "sys.nearest('regoin', { 'region' })",
        nearest_word},
       {"human_bytes",
        "A size as people read it.",
        {{"bytes", "integer", false, "the size"}},
        "string",
        "such as 1.5 MiB",
        "",
        "sys.human_bytes(1572864)",
        human_bytes_text},
       {"human_seconds",
        "A duration as people read it.",
        {{"seconds", "number", false, "the duration"}},
        "string",
        "such as 3 min 05 s",
        "",
        "sys.human_seconds(185)",
        human_seconds_text},
       {"exists", "Whether a file or directory exists.", path, "boolean", "yes or no", "",
        "sys.exists('pgbak.lua')", exists},
       {"absolute", "A path from the root; links in it are not followed.", path, "string",
        "without `.` and `..`", "io", "sys.absolute('./backups')", absolute},
       {"free_bytes",
        "Space on a file system.",
        {{"path", "string", false, "of something on it"}},
        "integer",
        "bytes that this user may fill; nil when that cannot be told",
        "",
        "sys.free_bytes('/tmp')",
        free_bytes},
       {"ask",
        "Asks the person at the terminal and waits for a line.",
        {{"prompt", "string", false, "written to standard error"}},
        "string",
        "the line without its end; empty at the end of the input",
        "cancelled",
        "sys.ask('Go on? ')",
        ask},
       {"read_file", "Reads a file whole, at most 16 MiB.", path, "string", "its content",
        "not_found, permission, io, config when it is larger", "sys.read_file('list.json')", read},
       {"write_new",
        "Writes a file that does not exist yet, and missing directories above it.",
        {{"path", "string", false, "of the file"}, {"text", "string", false, "its content"}},
        "boolean",
        "false, and nothing written, when it exists",
        "permission, io",
        "sys.write_new('pgbak.lua', text)",
        write_new},
       {"private_directory",
        "Makes a directory for this user alone below one that others may write to.",
        {{"above", "string", false, "such as /tmp"},
         {"name", "string", false, "the user's number is put after it"}},
        "string",
        "its path",
        "permission when another user was there first, not_found, io",
        "sys.private_directory('/tmp', 'staging')",
        private_directory_path},
       {"load", "Compiles a Lua file of the user.", path, "function", "its chunk",
        "not_found, permission, io; config for a syntax error, with file and line",
        "sys.load('pgbak.lua')()", load},
       {"load_policy",
        "Compiles a policy file, in the environment of policies. pgbak.policy runs it.", path,
        "function", "its chunk, and the path where it was found",
        "config when there is none, or for a syntax error; permission, io",
        "local chunk, path = sys.load_policy('policies/retention.lua')", load_policy_file},
       {"source", "The text of a Lua file, looked for as scripts are.", path, "string",
        "its text, and the path where it was found; or nil",
        "permission, io, config when it is too large",
        "local text, path = sys.source('policies/retention.lua')", source},
       {"api",
        "What the native modules offer, for tools that look at scripts.",
        {},
        "table",
        "{modules, classes}, each with its functions by name: {returns, params}; a parameter is "
        "its "
        "options' types by name",
        "",
        "sys.api().modules['pgbak.codec'].gzip",
        api},
       {"call_within",
        "Calls a function that may be anybody's, such as a policy. It ends at the latest when its "
        "time is over, or Lua has 512 MiB more memory than before, whatever it catches. Of "
        "two such calls inside one another the tighter time counts.",
        {{"seconds", "number", false, "how long it may take"},
         {"fn", "function", false, "called with the further arguments"}},
        "any",
        "what it returns",
        "config with the file and line that ran too long; what it raises itself",
        "sys.call_within(10, policy, backups, now)",
        call_within,
        true},
       {"where",
        "Where a function is defined, for messages.",
        {{"fn", "function", false, "any function"}},
        "string",
        "such as policies/retention.lua:3",
        "",
        "sys.where(policy)",
        where},
       {"files",
        "The files below a directory, at any depth. Hidden ones and symbolic links are passed "
        "over.",
        {{"directory", "string", false, "one that is missing has no files"},
         {"suffix", "string", false, "how their names end"}},
        "string[]",
        "paths below the directory, sorted",
        "permission, io",
        "sys.files('.', '_spec.lua')",
        files},
       {"assets",
        "All Lua that ships with pgbak.",
        {},
        "table",
        "array of {path, text}",
        "",
        "#sys.assets()",
        assets},
       {"apply_log",
        "Sets how log lines look from now on.",
        {{"level", "'debug'|'info'|'warn'|'warning'|'error'", false, "the least level"},
         {"format", "'text'|'json'", false, "lines for people or for collectors"}},
        "",
        "",
        "",
        "sys.apply_log('info', 'text')",
        apply_log}}};
  return module;
}

}  // namespace pgbak
