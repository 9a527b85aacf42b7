#pragma once
// While it lives, no file can be opened in this process, as when a program has run out of file
// descriptors: unlike a missing permission, root meets it too.

#include <sys/resource.h>

namespace tests {

class FewFiles {
  public:
    FewFiles() {
        ::getrlimit(RLIMIT_NOFILE, &m_before);
        rlimit none = m_before;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~FewFiles() { ::setrlimit(RLIMIT_NOFILE, &m_before); }
    FewFiles(const FewFiles&) = delete;
    FewFiles& operator=(const FewFiles&) = delete;

  private:
    rlimit m_before{};
};

} // namespace tests
