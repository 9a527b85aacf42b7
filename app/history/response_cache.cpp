#include "app/history/response_cache.h"

#include "app/history/sqlite_status.h"

#include <nlohmann/json.hpp>
#include <QCryptographicHash>
#include <QDateTime>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <type_traits>

namespace app {

namespace {

constexpr int kKeyVersion = 2; // raise when the same request is to be asked again

/// Feeds values to a hash so that no two lists of values give the same bytes.
class KeyHash {
  public:
    void add(std::string_view text) {
        addPlain(text.size());
        m_hash.addData(QByteArrayView(text.data(), qsizetype(text.size())));
    }
    template<typename T>
    void addPlain(T value) {
        static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
        m_hash.addData(
            QByteArrayView(reinterpret_cast<const char*>(&value), qsizetype(sizeof value)));
    }
    QByteArray result() const { return m_hash.result(); }

  private:
    QCryptographicHash m_hash{QCryptographicHash::Sha256};
};

void addSampler(KeyHash& hash, const engine::SamplerSpec& spec, SeedSource seed) {
    const bool isGreedy = spec.temperature == 0.0F; // no draw, so no seed
    const bool isAnySeed = seed == SeedSource::Drawn;
    for (const float value : {spec.temperature, spec.topP, spec.minP, spec.repetitionPenalty,
                              spec.presencePenalty, spec.frequencyPenalty})
        hash.addPlain(value);
    hash.addPlain(spec.topK);
    hash.addPlain(isAnySeed && !isGreedy);
    hash.addPlain(isAnySeed || isGreedy ? std::uint64_t{0} : spec.seed);
    hash.addPlain(isGreedy ? std::uint32_t{0} : spec.sampleNumber);
    hash.addPlain(spec.logitBias.size());
    for (const auto& [token, bias] : spec.logitBias) {
        hash.addPlain(token);
        hash.addPlain(bias);
    }
}

std::size_t weight(const CachedAnswer& answer) {
    return sizeof answer + answer.text.size() + answer.reasoning.size() + answer.stopString.size();
}

bool isWhole(engine::FinishReason reason) {
    return reason == engine::FinishReason::EndOfAnswer ||
           reason == engine::FinishReason::StopString || reason == engine::FinishReason::MaxTokens;
}

std::string encode(const CachedAnswer& answer) {
    const nlohmann::json json = {{"text", answer.text},
                                 {"reasoning", answer.reasoning},
                                 {"stop", answer.stopString},
                                 {"finish", int(answer.finish)},
                                 {"prompt_tokens", answer.promptTokens},
                                 {"generated_tokens", answer.generatedTokens},
                                 {"reasoning_tokens", answer.reasoningTokens}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Nothing when it is not what encode() writes: the file may have been damaged in a place that
/// SQLite does not look at.
std::optional<CachedAnswer> decode(const std::string& text) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    const auto isText = [&](const char* name) {
        return json.contains(name) && json[name].is_string();
    };
    const auto isCount = [&](const char* name) {
        return json.contains(name) && json[name].is_number_unsigned();
    };
    const bool isWell = json.is_object() && isText("text") && isText("reasoning") &&
                        isText("stop") && isCount("finish") && isCount("prompt_tokens") &&
                        isCount("generated_tokens") && isCount("reasoning_tokens") &&
                        isWhole(engine::FinishReason(json["finish"].get<std::uint8_t>()));
    if (!isWell)
        return std::nullopt;
    CachedAnswer answer;
    answer.text = json["text"];
    answer.reasoning = json["reasoning"];
    answer.stopString = json["stop"];
    answer.finish = engine::FinishReason(json["finish"].get<std::uint8_t>());
    answer.promptTokens = json["prompt_tokens"];
    answer.generatedTokens = json["generated_tokens"];
    answer.reasoningTokens = json["reasoning_tokens"];
    return answer;
}

void bindKey(SQLite::Statement& statement, int index, const QByteArray& key) {
    statement.bind(index, key.constData(), int(key.size()));
}

} // namespace

QByteArray responseKey(const engine::ModelInfo& model, const engine::Request& request,
                       SeedSource seed) {
    KeyHash hash;
    hash.addPlain(kKeyVersion);
    hash.add(request.client);
    hash.add(model.contentHash);
    hash.addPlain(model.formats.weights);
    hash.addPlain(model.formats.activations);
    hash.addPlain(model.formats.kv);
    hash.addPlain(model.context);
    const std::string source =
        model.chatTemplate != nullptr ? model.chatTemplate->source() : std::string();
    hash.add(source);
    if (source.find("strftime_now") != std::string::npos) // the template writes the date
        hash.add(QDate::currentDate().toString(Qt::ISODate).toStdString());
    hash.addPlain(request.messages.size());
    for (const engine::ChatMessage& message : request.messages) {
        hash.add(message.role);
        hash.add(message.content);
    }
    hash.addPlain(request.rawPrompt.has_value());
    hash.add(request.rawPrompt.value_or(std::string()));
    hash.addPlain(request.promptTokens.size());
    for (const engine::TokenId token : request.promptTokens)
        hash.addPlain(token);
    hash.add(request.continuedAnswer);
    hash.addPlain(request.enableThinking);
    addSampler(hash, request.sampler, seed);
    hash.addPlain(request.stopStrings.size());
    for (const std::string& stop : request.stopStrings)
        hash.add(stop);
    hash.addPlain(request.maxTokens);
    hash.addPlain(request.thinkingBudget);
    hash.addPlain(request.ignoreEndOfGeneration);
    hash.addPlain(request.overflow);
    hash.addPlain(request.reproducible);
    return hash.result();
}

ResponseCache::ResponseCache(History& history, ResponseCacheLimits limits, Clock clock)
    : m_history(history),
      m_clock(clock ? std::move(clock) : [] { return QDateTime::currentMSecsSinceEpoch(); }),
      m_limits(limits) {}

void ResponseCache::setLimits(const ResponseCacheLimits& limits) {
    const std::lock_guard lock(m_mutex);
    m_limits = limits;
}

ResponseCacheLimits ResponseCache::limits() const {
    const std::lock_guard lock(m_mutex);
    return m_limits;
}

/// A clock that was set back makes what was stored since then look younger than new: not used.
bool ResponseCache::isFresh(std::int64_t created_ms, std::int64_t now_ms, std::int64_t life_ms) {
    const std::int64_t age_ms = now_ms - created_ms;
    return age_ms >= 0 && age_ms < life_ms;
}

bool ResponseCache::isFresh(std::int64_t created_ms) const {
    return isFresh(created_ms, m_clock(), limits().life_ms);
}

void ResponseCache::find(const QByteArray& key, Answer answer) {
    if (std::optional<CachedAnswer> known = findInMemory(key)) {
        answer(std::move(known));
        return;
    }
    m_history.withCache([this, key, answer = std::move(answer)](SQLite::Database* database) {
        std::optional<Entry> entry;
        const engine::Status status = guarded(QString(), [&]() -> engine::Status {
            if (database != nullptr)
                entry = readEntry(*database, key);
            return {};
        });
        {
            const std::lock_guard lock(m_mutex);
            ++(entry ? m_counters.diskHits : m_counters.misses);
            if (entry)
                keepInMemory(key, entry->answer, entry->created_ms);
        }
        answer(entry ? std::optional<CachedAnswer>(std::move(entry->answer)) : std::nullopt);
        return status;
    });
}

std::optional<CachedAnswer> ResponseCache::findInMemory(const QByteArray& key) {
    CachedAnswer answer;
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_byKey.find(key);
        if (found == m_byKey.end())
            return std::nullopt;
        if (!isFresh(found->second->created_ms, m_clock(), m_limits.life_ms)) {
            drop(found->second);
            return std::nullopt;
        }
        m_entries.splice(m_entries.begin(), m_entries, found->second);
        ++m_counters.memoryHits;
        answer = found->second->answer;
    }
    // How often an answer is wanted decides what is prewarmed, so it is counted on disk too.
    m_history.withCache([key, now = m_clock()](SQLite::Database* database) {
        return guarded(QString(), [&]() -> engine::Status {
            if (database == nullptr)
                return {};
            SQLite::Statement used(*database,
                                   "UPDATE answers SET hits = hits + 1, used_ms = ? WHERE key = ?");
            used.bind(1, now);
            bindKey(used, 2, key);
            used.exec();
            return {};
        });
    });
    return answer;
}

void ResponseCache::keepInMemory(const QByteArray& key, const CachedAnswer& answer,
                                 std::int64_t created_ms) {
    if (const auto found = m_byKey.find(key); found != m_byKey.end())
        drop(found->second);
    m_entries.push_front({key, answer, created_ms});
    m_byKey[key] = m_entries.begin();
    m_memory_bytes += weight(answer);
    while (m_memory_bytes > m_limits.memory_bytes)
        drop(std::prev(m_entries.end()));
}

void ResponseCache::drop(Entries::iterator entry) {
    m_memory_bytes -= weight(entry->answer);
    m_byKey.erase(entry->key);
    m_entries.erase(entry);
}

void ResponseCache::store(const QByteArray& key, const engine::ModelInfo& model,
                          const CachedAnswer& answer) {
    if (!isWhole(answer.finish) || weight(answer) > limits().answer_bytes)
        return;
    const std::int64_t now = m_clock();
    {
        const std::lock_guard lock(m_mutex);
        ++m_counters.stored;
        keepInMemory(key, answer, now);
    }
    m_history.withCache([this, entry = Entry{key, answer, now},
                         name = model.contentHash](SQLite::Database* database) {
        return guarded(QString(), [&]() -> engine::Status {
            if (database != nullptr)
                writeEntry(*database, entry, name);
            return {};
        });
    });
}

std::optional<ResponseCache::Entry> ResponseCache::readEntry(SQLite::Database& database,
                                                             const QByteArray& key) const {
    SQLite::Statement read(database, "SELECT answer, created_ms FROM answers WHERE key = ?");
    bindKey(read, 1, key);
    if (!read.executeStep() || !isFresh(read.getColumn(1).getInt64()))
        return std::nullopt;
    std::optional<CachedAnswer> answer = decode(read.getColumn(0).getString());
    if (!answer)
        return std::nullopt;
    Entry entry{key, std::move(*answer), read.getColumn(1).getInt64()};
    SQLite::Statement used(database,
                           "UPDATE answers SET hits = hits + 1, used_ms = ? WHERE key = ?");
    used.bind(1, m_clock());
    bindKey(used, 2, key);
    used.exec();
    return entry;
}

void ResponseCache::writeEntry(SQLite::Database& database, const Entry& entry,
                               const std::string& model) const {
    SQLite::Transaction step(database, SQLite::TransactionBehavior::IMMEDIATE);
    const std::string text = encode(entry.answer);
    SQLite::Statement write(
        database, "INSERT INTO answers (key, model, answer, bytes, created_ms, used_ms) VALUES "
                  "(?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, "
                  "bytes = excluded.bytes, created_ms = excluded.created_ms, "
                  "used_ms = excluded.used_ms");
    bindKey(write, 1, entry.key);
    write.bind(2, model);
    write.bind(3, text);
    write.bind(4, std::int64_t(text.size()));
    write.bind(5, entry.created_ms);
    write.bind(6, entry.created_ms);
    write.exec();
    evict(database);
    step.commit();
}

/// What is too old goes; then, while there is too much, what was not used for longest.
void ResponseCache::evict(SQLite::Database& database) const {
    const ResponseCacheLimits most = limits();
    SQLite::Statement old(database, "DELETE FROM answers WHERE created_ms <= ?");
    old.bind(1, m_clock() - most.life_ms);
    old.exec();
    const std::int64_t total =
        database.execAndGet("SELECT coalesce(sum(bytes), 0) FROM answers").getInt64();
    std::int64_t surplus = total - most.disk_bytes;
    if (surplus <= 0)
        return;
    SQLite::Statement oldest(database, "SELECT rowid, bytes FROM answers ORDER BY used_ms, rowid");
    std::vector<std::int64_t> goes;
    while (surplus > 0 && oldest.executeStep()) {
        goes.push_back(oldest.getColumn(0).getInt64());
        surplus -= oldest.getColumn(1).getInt64();
    }
    oldest.reset();
    SQLite::Statement remove(database, "DELETE FROM answers WHERE rowid = ?");
    for (const std::int64_t row : goes) {
        remove.bind(1, row);
        remove.exec();
        remove.reset();
    }
}

void ResponseCache::prewarm(const engine::ModelInfo& model) {
    m_history.withCache([this, name = model.contentHash](SQLite::Database* database) {
        return guarded(QString(), [&]() -> engine::Status {
            if (database == nullptr)
                return {};
            SQLite::Statement read(*database,
                                   "SELECT key, answer, created_ms FROM answers WHERE model = ? "
                                   "AND hits > 0 ORDER BY hits DESC, used_ms DESC");
            read.bind(1, name);
            std::size_t taken_bytes = 0;
            const std::size_t most_bytes = limits().memory_bytes / 2;
            while (taken_bytes < most_bytes && read.executeStep()) {
                const SQLite::Column key = read.getColumn(0);
                const std::optional<CachedAnswer> answer = decode(read.getColumn(1).getString());
                const std::int64_t created_ms = read.getColumn(2).getInt64();
                if (!answer || !isFresh(created_ms))
                    continue;
                taken_bytes += weight(*answer);
                const std::lock_guard lock(m_mutex);
                keepInMemory(QByteArray(static_cast<const char*>(key.getBlob()), key.getBytes()),
                             *answer, created_ms);
            }
            return {};
        });
    });
}

void ResponseCache::clear() {
    {
        const std::lock_guard lock(m_mutex);
        m_entries.clear();
        m_byKey.clear();
        m_memory_bytes = 0;
    }
    m_history.withCache([](SQLite::Database* database) {
        return guarded(QString(), [&]() -> engine::Status {
            if (database != nullptr)
                database->exec("DELETE FROM answers");
            return {};
        });
    });
}

ResponseCacheCounters ResponseCache::counters() const {
    const std::lock_guard lock(m_mutex);
    return m_counters;
}

std::size_t ResponseCache::memory_bytes() const {
    const std::lock_guard lock(m_mutex);
    return m_memory_bytes;
}

} // namespace app
