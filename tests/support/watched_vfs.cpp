#include "tests/support/watched_vfs.h"

#include <new>
#include <sqlite3.h>

namespace tests {

struct WatchedVfs::Parts {
    sqlite3_vfs vfs{};
    sqlite3_vfs* real = nullptr;
    Watcher watcher;

    int look(const FileEvent& event) const { return watcher ? watcher(event) : SQLITE_OK; }

    static Parts& of(sqlite3_vfs* vfs) { return *static_cast<Parts*>(vfs->pAppData); }
};

namespace {

/// What SQLite holds of one open file; the real file's own bytes follow it.
template<typename Owner>
struct File {
    sqlite3_file base;
    Owner* owner;
    std::string* path; // null: a temporary file, which nobody watches

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
};

/// The methods of an open file; each looks, then passes on.
template<typename Owner>
struct Methods {
    using F = File<Owner>;

    static int look(F& file, FileOperation operation, std::int64_t offset = 0,
                    std::string_view data = {}) {
        if (file.path == nullptr)
            return SQLITE_OK;
        return file.owner->look({operation, *file.path, offset, data});
    }
    static int close(sqlite3_file* file) {
        F& f = F::of(file);
        delete f.path;
        return f.real()->pMethods->xClose(f.real());
    }
    static int read(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
        F& f = F::of(file);
        if (const int code = look(f, FileOperation::Read, offset))
            return code;
        return f.real()->pMethods->xRead(f.real(), into, amount, offset);
    }
    static int write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
        F& f = F::of(file);
        const std::string_view data(static_cast<const char*>(from), std::size_t(amount));
        if (const int code = look(f, FileOperation::Write, offset, data))
            return code;
        return f.real()->pMethods->xWrite(f.real(), from, amount, offset);
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        F& f = F::of(file);
        if (const int code = look(f, FileOperation::Truncate, size))
            return code;
        return f.real()->pMethods->xTruncate(f.real(), size);
    }
    static int sync(sqlite3_file* file, int) { return look(F::of(file), FileOperation::Sync); }
    static int fileSize(sqlite3_file* file, sqlite3_int64* size) {
        F& f = F::of(file);
        return f.real()->pMethods->xFileSize(f.real(), size);
    }
    static int lock(sqlite3_file* file, int level) {
        F& f = F::of(file);
        return f.real()->pMethods->xLock(f.real(), level);
    }
    static int unlock(sqlite3_file* file, int level) {
        F& f = F::of(file);
        return f.real()->pMethods->xUnlock(f.real(), level);
    }
    static int checkReservedLock(sqlite3_file* file, int* held) {
        F& f = F::of(file);
        return f.real()->pMethods->xCheckReservedLock(f.real(), held);
    }
    static int fileControl(sqlite3_file* file, int op, void* argument) {
        F& f = F::of(file);
        return f.real()->pMethods->xFileControl(f.real(), op, argument);
    }
    static int sectorSize(sqlite3_file* file) {
        F& f = F::of(file);
        return f.real()->pMethods->xSectorSize(f.real());
    }
    static int deviceCharacteristics(sqlite3_file* file) {
        // Nothing promised: no atomic writes, no order, overwriting a sector may hurt its
        // neighbour.
        (void)file;
        return 0;
    }
    static int shmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
        F& f = F::of(file);
        return f.real()->pMethods->xShmMap(f.real(), page, size, extend, memory);
    }
    static int shmLock(sqlite3_file* file, int offset, int n, int flags) {
        F& f = F::of(file);
        return f.real()->pMethods->xShmLock(f.real(), offset, n, flags);
    }
    static void shmBarrier(sqlite3_file* file) {
        F& f = F::of(file);
        f.real()->pMethods->xShmBarrier(f.real());
    }
    static int shmUnmap(sqlite3_file* file, int remove) {
        F& f = F::of(file);
        return f.real()->pMethods->xShmUnmap(f.real(), remove);
    }

    static constexpr sqlite3_io_methods kTable = {2,
                                                  close,
                                                  read,
                                                  write,
                                                  truncate,
                                                  sync,
                                                  fileSize,
                                                  lock,
                                                  unlock,
                                                  checkReservedLock,
                                                  fileControl,
                                                  sectorSize,
                                                  deviceCharacteristics,
                                                  shmMap,
                                                  shmLock,
                                                  shmBarrier,
                                                  shmUnmap,
                                                  nullptr,
                                                  nullptr};

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
        Owner& owner = Owner::of(vfs);
        F& f = F::of(file);
        f.base.pMethods = nullptr;
        if (name != nullptr)
            if (const int code = owner.look({FileOperation::Open, name, 0, {}}))
                return code;
        f.owner = &owner;
        f.path = nullptr;
        const int code = owner.real->xOpen(owner.real, name, f.real(), flags, out);
        if (code != SQLITE_OK)
            return code;
        if (name != nullptr)
            f.path = new std::string(name);
        f.base.pMethods = &kTable;
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs* vfs, const char* name, int) {
        Owner& owner = Owner::of(vfs);
        if (const int code = owner.look({FileOperation::Delete, name, 0, {}}))
            return code;
        return owner.real->xDelete(owner.real, name, 0);
    }
};

} // namespace

WatchedVfs::WatchedVfs(Watcher watcher) : m_parts(std::make_unique<Parts>()) {
    Parts& p = *m_parts;
    p.watcher = std::move(watcher);
    p.real = sqlite3_vfs_find(nullptr);
    p.vfs = *p.real; // what is not watched is passed on as it is
    p.vfs.iVersion = 1;
    p.vfs.szOsFile = int(sizeof(File<Parts>)) + p.real->szOsFile;
    p.vfs.pNext = nullptr;
    p.vfs.zName = "watched";
    p.vfs.pAppData = &p;
    p.vfs.xOpen = &Methods<Parts>::open;
    p.vfs.xDelete = &Methods<Parts>::remove;
    sqlite3_vfs_register(&p.vfs, 1);
}

WatchedVfs::~WatchedVfs() {
    sqlite3_vfs_unregister(&m_parts->vfs);
    sqlite3_vfs_register(m_parts->real, 1);
}

} // namespace tests
