#pragma once
// A file in memory with a path, for readers that take paths: no disk is touched.

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

class MemoryFile {
  public:
    MemoryFile(const std::uint8_t* bytes, std::size_t size)
        : m_descriptor(::memfd_create("fuzz", MFD_CLOEXEC)) {
        for (std::size_t done = 0; done < size;) {
            const ssize_t put = ::write(m_descriptor, bytes + done, size - done);
            if (put <= 0)
                break;
            done += static_cast<std::size_t>(put);
        }
    }
    ~MemoryFile() { ::close(m_descriptor); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

  private:
    int m_descriptor;
};
