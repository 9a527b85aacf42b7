#pragma once
// WatchedVfs: SQLite's own file system with somebody looking over its shoulder, who may make any
// operation fail or write down all of them. It is the default one while it lives. It does not sync
// for real: tests that use it make up what a power loss leaves.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tests {

enum class FileOperation { Open, Read, Write, Truncate, Sync, Delete };

struct FileEvent {
    FileOperation operation = FileOperation::Open;
    std::string_view path;
    std::int64_t offset = 0; // of Write; the new size of Truncate
    std::string_view data;   // of Write
};

class WatchedVfs {
  public:
    /// Answers with 0 to let the operation happen, else with the SQLite code it fails with.
    using Watcher = std::function<int(const FileEvent&)>;

    explicit WatchedVfs(Watcher watcher = {});
    ~WatchedVfs(); ///< all files must be closed
    WatchedVfs(const WatchedVfs&) = delete;
    WatchedVfs& operator=(const WatchedVfs&) = delete;

  private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

} // namespace tests
