#include "engine/model/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace engine {

FileReader::FileReader(int descriptor, std::uint64_t size, std::filesystem::path path)
    : m_descriptor(descriptor), m_size(size), m_path(std::move(path)), m_name(m_path.string()) {}

FileReader::~FileReader() {
    ::close(m_descriptor);
}

Result<std::shared_ptr<const FileReader>> FileReader::open(const std::filesystem::path& path) {
    const auto failure = [&](const char* reason) {
        return Status(Code::FileCannotOpen, {{"file", path.string()}, {"reason", reason}});
    };
    // O_NONBLOCK: opening a FIFO must not wait for a writer; regular files ignore it.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return failure(std::strerror(errno));
    struct stat information {};
    if (::fstat(descriptor, &information) != 0 || !S_ISREG(information.st_mode)) {
        ::close(descriptor);
        return failure("it is not a regular file");
    }
    const auto size = static_cast<std::uint64_t>(information.st_size);
    return std::shared_ptr<const FileReader>(new FileReader(descriptor, size, path));
}

Status FileReader::read(std::uint64_t offset, std::span<std::byte> out) const {
    if (offset > m_size || out.size() > m_size - offset)
        return Status(Code::FileChanged, {{"file", m_name}});
    std::size_t done = 0;
    while (done < out.size()) {
        // One pread moves less than 2 GiB.
        const std::size_t part = std::min<std::size_t>(out.size() - done, std::size_t{1} << 30);
        const ssize_t got =
            ::pread(m_descriptor, out.data() + done, part, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return Status(Code::FileCannotRead, {{"file", m_name},
                                                 {"offset", std::to_string(offset + done)},
                                                 {"reason", std::strerror(errno)}});
        if (got == 0)
            return Status(Code::FileChanged, {{"file", m_name}});
        done += static_cast<std::size_t>(got);
    }
    return {};
}

Result<std::string> readTextFile(const std::filesystem::path& path, std::uint64_t maxBytes) {
    auto file = FileReader::open(path);
    if (!file)
        return file.status();
    const std::uint64_t size = (*file)->size();
    if (size > maxBytes)
        return Status(Code::ModelDamaged, {{"file", path.string()},
                                           {"field", "its size"},
                                           {"problem", "is " + std::to_string(size) +
                                                           " bytes, far too much for what it is"}});
    std::string text(size, '\0');
    INGLENOOK_TRY((*file)->read(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
    return text;
}

bool isCleanUtf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
        const unsigned lead = byte(0);
        const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead == 0 || (lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || at + length > text.size())
            return false;
        for (std::size_t i = 1; i < length; ++i)
            if ((byte(i) & 0xC0U) != 0x80U)
                return false;
        // Overlong forms, surrogates and beyond U+10FFFF show in the second byte.
        if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
            (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F))
            return false;
        at += length;
    }
    return true;
}

} // namespace engine
