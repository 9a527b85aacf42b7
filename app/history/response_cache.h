#pragma once
// ResponseCache: whole answers that may be given again, to the same client, for the same request.
// L1 in memory (least recently used goes first), L2 in cache.db for a day, bounded in size. Any
// thread, until the History is closed.
//
// Whether a request may be answered from here is the caller's to decide: seeded and greedy ones
// may, others only when asked for.

#include "app/history/history.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/request.h"

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <QByteArray>

namespace app {

/// A finished answer.
struct CachedAnswer {
    std::string text;
    std::string reasoning;
    std::string stopString;
    engine::FinishReason finish = engine::FinishReason::EndOfAnswer;
    std::uint32_t promptTokens = 0;
    std::uint32_t generatedTokens = 0;
    std::uint32_t reasoningTokens = 0;

    bool operator==(const CachedAnswer&) const = default;
};

struct ResponseCacheLimits {
    std::size_t memory_bytes = 32 << 20;
    std::int64_t disk_bytes = 256LL << 20;
    std::size_t answer_bytes = 1 << 20; ///< a longer one is not kept
    std::int64_t life_ms = 24LL * 3600 * 1000;

    bool operator==(const ResponseCacheLimits&) const = default;
};

struct ResponseCacheCounters {
    std::uint64_t memoryHits = 0;
    std::uint64_t diskHits = 0;
    std::uint64_t misses = 0;
    std::uint64_t stored = 0;
};

/// Whose a request's seed is. One that the program drew is not part of the question: the answer to
/// any other one would do as well, for who wants such answers given again.
enum class SeedSource { Asked, Drawn };

/// SHA-256 over everything the answer depends on, and over the client: model, formats, template,
/// conversation, every setting of the sampler, limits, stop strings.
QByteArray responseKey(const engine::ModelInfo& model, const engine::Request& request,
                       SeedSource seed = SeedSource::Asked);

class ResponseCache {
  public:
    using Clock = std::function<std::int64_t()>; ///< milliseconds since 1970
    using Answer = std::function<void(std::optional<CachedAnswer>)>;

    /// `history` outlives it. Without a clock: the computer's.
    explicit ResponseCache(History& history, ResponseCacheLimits limits = {}, Clock clock = {});

    /// Answers once: at once from memory, else on the database thread.
    void find(const QByteArray& key, Answer answer);
    /// Keeps a whole answer; one that failed or was stopped is not kept.
    void store(const QByteArray& key, const engine::ModelInfo& model, const CachedAnswer& answer);
    /// Takes the answers that were given again most often for this model into memory.
    void prewarm(const engine::ModelInfo& model);
    void clear();
    /// From now on; what is too much goes with the next answer that is stored.
    void setLimits(const ResponseCacheLimits& limits);
    ResponseCacheLimits limits() const;

    ResponseCacheCounters counters() const;
    std::size_t memory_bytes() const;

  private:
    struct Entry {
        QByteArray key;
        CachedAnswer answer;
        std::int64_t created_ms = 0;
    };
    using Entries = std::list<Entry>; // most recently used first

    static bool isFresh(std::int64_t created_ms, std::int64_t now_ms, std::int64_t life_ms);
    bool isFresh(std::int64_t created_ms) const; // without the lock
    std::optional<CachedAnswer> findInMemory(const QByteArray& key);
    void keepInMemory(const QByteArray& key, const CachedAnswer& answer, std::int64_t created_ms);
    void drop(Entries::iterator entry);

    // Database thread.
    std::optional<Entry> readEntry(SQLite::Database& database, const QByteArray& key) const;
    void writeEntry(SQLite::Database& database, const Entry& entry, const std::string& model) const;
    void evict(SQLite::Database& database) const;

    History& m_history;
    const Clock m_clock;

    mutable std::mutex m_mutex; // guards what follows
    ResponseCacheLimits m_limits;
    Entries m_entries;
    std::map<QByteArray, Entries::iterator> m_byKey;
    std::size_t m_memory_bytes = 0;
    ResponseCacheCounters m_counters;
};

} // namespace app
