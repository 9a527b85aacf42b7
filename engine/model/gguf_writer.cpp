#include "engine/model/gguf_writer.h"

#include "engine/checked.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace engine {

namespace {

constexpr std::uint64_t kAlignment = 32;

template<typename T>
void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value); // little-endian, as we are
}

void putType(std::string& to, GgufType type) {
    put(to, static_cast<std::uint32_t>(type));
}

/// A directory entry is durable only when the directory itself is synced.
void syncFolderOf(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return; // not every file system lets folders be opened; the file itself is synced
    ::fsync(descriptor);
    ::close(descriptor);
}

} // namespace

GgufWriter::GgufWriter(std::filesystem::path out) : m_out(std::move(out)), m_part(m_out) {
    m_part += ".part";
}

GgufWriter::~GgufWriter() {
    if (m_descriptor < 0)
        return;
    ::close(m_descriptor);
    ::unlink(m_part.c_str());
}

Status GgufWriter::failure(const char* what) const {
    return Status(Code::FileCannotWrite, {{"file", m_out.string()}, {"reason", what}});
}

void GgufWriter::putString(std::string& to, std::string_view text) {
    put(to, std::uint64_t{text.size()});
    to += text;
}

void GgufWriter::beginEntry(std::string_view key, GgufType type) {
    putString(m_metadata, key);
    putType(m_metadata, type);
    ++m_entryCount;
}

void GgufWriter::add(std::string_view key, std::uint32_t value) {
    beginEntry(key, GgufType::U32);
    put(m_metadata, value);
}

void GgufWriter::add(std::string_view key, float value) {
    beginEntry(key, GgufType::F32);
    put(m_metadata, value);
}

void GgufWriter::add(std::string_view key, bool value) {
    beginEntry(key, GgufType::Bool);
    put(m_metadata, static_cast<std::uint8_t>(value ? 1 : 0));
}

void GgufWriter::add(std::string_view key, std::string_view value) {
    beginEntry(key, GgufType::String);
    putString(m_metadata, value);
}

void GgufWriter::add(std::string_view key, const std::vector<std::string>& values) {
    beginEntry(key, GgufType::Array);
    putType(m_metadata, GgufType::String);
    put(m_metadata, std::uint64_t{values.size()});
    for (const std::string& value : values)
        putString(m_metadata, value);
}

void GgufWriter::add(std::string_view key, const std::vector<float>& values) {
    beginEntry(key, GgufType::Array);
    putType(m_metadata, GgufType::F32);
    put(m_metadata, std::uint64_t{values.size()});
    for (const float value : values)
        put(m_metadata, value);
}

void GgufWriter::add(std::string_view key, const std::vector<std::int32_t>& values) {
    beginEntry(key, GgufType::Array);
    putType(m_metadata, GgufType::I32);
    put(m_metadata, std::uint64_t{values.size()});
    for (const std::int32_t value : values)
        put(m_metadata, value);
}

Status GgufWriter::copy(const FileReader& file, const GgufEntry& entry) {
    const std::size_t at = m_metadata.size();
    m_metadata.resize(at + (entry.end - entry.begin));
    INGLENOOK_TRY(
        file.read(entry.begin, std::as_writable_bytes(std::span(m_metadata).subspan(at))));
    ++m_entryCount;
    return {};
}

void GgufWriter::addTensor(const TensorInfo& tensor) {
    putString(m_tensors, tensor.name);
    put(m_tensors, static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t i = tensor.shape.size(); i-- > 0;)
        put(m_tensors, tensor.shape[i]); // innermost first
    put(m_tensors, ggufTensorTypeNumber(tensor.type));
    put(m_tensors, m_dataBytes);
    ++m_tensorCount;
    m_dataBytes = *checkedAlign(m_dataBytes + tensor.bytes, kAlignment);
}

Status GgufWriter::begin() {
    m_descriptor =
        ::open(m_part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); // as umask says
    if (m_descriptor < 0)
        return failure(std::strerror(errno));
    std::string head = "GGUF";
    put(head, std::uint32_t{3});
    put(head, m_tensorCount);
    put(head, m_entryCount);
    INGLENOOK_TRY(append(std::as_bytes(std::span(head))));
    INGLENOOK_TRY(append(std::as_bytes(std::span(m_metadata))));
    INGLENOOK_TRY(append(std::as_bytes(std::span(m_tensors))));
    return endTensor(); // pads the header
}

Status GgufWriter::append(std::span<const std::byte> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t put = ::write(m_descriptor, bytes.data() + done,
                                    std::min<std::size_t>(bytes.size() - done, 1U << 30));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return failure(put < 0 ? std::strerror(errno) : "nothing more could be written");
        done += static_cast<std::size_t>(put);
    }
    m_written += bytes.size();
    return {};
}

Status GgufWriter::endTensor() {
    static constexpr std::array<std::byte, kAlignment> kZeros{};
    return append(std::span(kZeros).first(*checkedAlign(m_written, kAlignment) - m_written));
}

Status GgufWriter::finish() {
    // After a failed fsync the pages may be gone: the file is given up, not synced again.
    if (::fsync(m_descriptor) != 0)
        return failure(std::strerror(errno));
    const int descriptor = m_descriptor;
    if (::rename(m_part.c_str(), m_out.c_str()) != 0)
        return failure(std::strerror(errno));
    m_descriptor = -1;
    ::close(descriptor);
    syncFolderOf(m_out);
    return {};
}

} // namespace engine
