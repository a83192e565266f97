-- KEYS[1]: the list. ARGV: seconds to live, how many are kept, the message.

local time = redis.call('TIME')
-- Making room comes first: then a full Redis lets the rest through, and no worker hangs on a bad message.
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 2)
redis.call('LPUSH', KEYS[1], time[1] .. '.' .. string.format('%06d', time[2]) .. ' ' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[1])
