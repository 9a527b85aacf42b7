#pragma once
// FileReader: read access to one file by pread. Never a mapping: a file that is truncated while we
// read it becomes FileChanged, not a signal. Immutable after open(), safe from any thread.

#include "engine/status.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace engine {

class FileReader {
  public:
    /// Regular files only: a device or a FIFO is refused, not waited for.
    static Result<std::shared_ptr<const FileReader>> open(const std::filesystem::path& path);
    ~FileReader();
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    std::uint64_t size() const { return m_size; } ///< when opened [bytes]
    const std::string& name() const { return m_name; }
    const std::filesystem::path& path() const { return m_path; }

    /// Fills `out` from byte `offset`; FileCannotRead or FileChanged.
    Status read(std::uint64_t offset, std::span<std::byte> out) const;

  private:
    FileReader(int descriptor, std::uint64_t size, std::filesystem::path path);

    int m_descriptor = -1;
    std::uint64_t m_size = 0;
    std::filesystem::path m_path;
    std::string m_name; // the path as sentences show it
};

/// A whole file as text; one larger than maxBytes is ModelDamaged.
Result<std::string> readTextFile(const std::filesystem::path& path, std::uint64_t maxBytes);

/// True when the text is well-formed UTF-8 without U+0000.
bool isCleanUtf8(std::string_view text);

} // namespace engine
