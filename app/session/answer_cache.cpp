#include "app/session/answer_cache.h"

#include "app/settings.h"

#include <QCoreApplication>

namespace app {

AnswerCache::AnswerCache(EngineHost& host, ResponseCache& cache, const Settings& settings,
                         QObject* parent)
    : QObject(parent), m_host(host), m_cache(cache), m_settings(settings) {}

bool AnswerCache::isAllowed(bool isRepeatable) const {
    switch (m_settings.values().caches.responses) {
    case ResponseUse::Never:
        return false;
    case ResponseUse::Always:
        return true;
    case ResponseUse::Repeatable:
        break;
    }
    return isRepeatable;
}

void AnswerCache::lookUp(EngineHost::MakeRequest make, bool isRepeatable, bool mayGive,
                         QObject* receiver, Answer answer) {
    const EngineHost::ModelInfo model = m_host.model();
    if (model == nullptr || !isAllowed(isRepeatable)) {
        answer({});
        return;
    }
    // Back to the GUI thread from the pool or the database's.
    const auto tell = [context = QPointer<QObject>(receiver),
                       answer = std::move(answer)](const Found& found) {
        QMetaObject::invokeMethod(
            QCoreApplication::instance(),
            [context, answer, found] {
                if (context)
                    answer(found);
            },
            Qt::QueuedConnection);
    };
    const SeedSource seed = isRepeatable ? SeedSource::Asked : SeedSource::Drawn;
    m_host.pool().start([make = std::move(make), model, seed, mayGive, tell, &cache = m_cache] {
        const QByteArray key = responseKey(*model, make(model), seed);
        if (!mayGive) {
            tell({key, model, std::nullopt});
            return;
        }
        cache.find(key, [tell, key, model](std::optional<CachedAnswer> known) {
            tell({key, model, std::move(known)});
        });
    });
}

void AnswerCache::keep(const Found& found, const CachedAnswer& answer) {
    if (!found.key.isEmpty() && found.model != nullptr && m_host.model() == found.model)
        m_cache.store(found.key, *found.model, answer);
}

} // namespace app
