#pragma once
// OverflowChoice: what becomes of a chat that outgrows the context.

#include <QMetaType>

namespace app {

enum class OverflowChoice {
    Stop,      ///< the answer ends there
    Roll,      ///< the oldest messages are left out
    DropMiddle ///< the beginning stays, what follows it is left out
};

} // namespace app

Q_DECLARE_METATYPE(app::OverflowChoice)
