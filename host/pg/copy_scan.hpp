// Looks through the rows of a COPY block for its end, as fast as memory allows: most of a plain
// dump is rows.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgbak {

/// Takes the rows of one COPY block piece by piece, cut anywhere. They end with a line that is only
/// "\.", which no row can be: a backslash of a value is doubled. Lines may end with CR LF.
class CopyScan {
 public:
  /// Takes bytes up to the end of the rows, or all of them, and returns how many.
  std::size_t scan(std::string_view in);

  bool ended() const { return at_ == At::end; }
  /// A line begins like the end mark and goes on: the server would refuse it.
  bool broken() const { return at_ == At::broken; }
  std::uint64_t rows() const { return rows_; }

 private:
  enum class At { line_start, backslash, dot, carriage_return, inside, end, broken };

  std::size_t inside(std::string_view in);
  At next(char c) const;

  At at_ = At::line_start;
  std::uint64_t rows_ = 0;
};

}  // namespace pgbak
