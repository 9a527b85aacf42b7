#pragma once
// GgufWriter: a GGUF v3 file, written beside its final name and renamed when complete and synced,
// so that a crash or a full disk never leaves half a model under the name.
//
// Order of calls: metadata, addTensor for all, begin(), append() of every tensor's bytes in that
// order, finish(). Dropping the writer before finish() removes the unfinished file. One thread.

#include "engine/model/gguf_parser.h"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class GgufWriter {
  public:
    explicit GgufWriter(std::filesystem::path out);
    ~GgufWriter();
    GgufWriter(const GgufWriter&) = delete;
    GgufWriter& operator=(const GgufWriter&) = delete;

    void add(std::string_view key, std::uint32_t value);
    void add(std::string_view key, float value);
    void add(std::string_view key, bool value);
    void add(std::string_view key, std::string_view value);
    void add(std::string_view key, const std::vector<std::string>& values);
    void add(std::string_view key, const std::vector<float>& values);
    void add(std::string_view key, const std::vector<std::int32_t>& values);
    /// Copies an entry of another file as it is.
    Status copy(const FileReader& file, const GgufEntry& entry);

    void addTensor(const TensorInfo& tensor);

    Status begin();
    Status append(std::span<const std::byte> bytes);
    /// Pads to the alignment after a tensor's last byte.
    Status endTensor();
    Status finish();

    std::uint64_t written() const { return m_written; }

  private:
    void beginEntry(std::string_view key, GgufType type);
    void putString(std::string& to, std::string_view text);
    Status failure(const char* what) const;

    std::filesystem::path m_out;
    std::filesystem::path m_part;
    std::string m_metadata;
    std::string m_tensors;
    std::uint64_t m_entryCount = 0;
    std::uint64_t m_tensorCount = 0;
    std::uint64_t m_dataBytes = 0; // where the next tensor goes, from the start of the data
    std::uint64_t m_written = 0;
    int m_descriptor = -1;
};

} // namespace engine
